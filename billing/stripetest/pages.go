package stripetest

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

const look = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><style>
:root{color-scheme:light dark}
body{font:1.05rem/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1.25rem}
button,a.button{display:block;width:100%;box-sizing:border-box;margin:.6rem 0;padding:.8rem;font:inherit;text-align:center;border-radius:.6rem;
border:1px solid #8886;background:none;color:inherit;text-decoration:none;cursor:pointer}
button.main{background:#5851df;border-color:#5851df;color:#fff}
small{opacity:.7} .error{color:#d33}
</style><small>This is a stand-in for Stripe: no money moves.</small>`

var payPage = template.Must(template.New("pay").Parse(look + `<h1>{{.Item}}</h1><p>{{.Amount}}{{if .Monthly}} a month{{end}}</p>
{{if .Error}}<p class="error" id="error">{{.Error}}</p>{{end}}
<form method="post">
<button class="main" id="pay" name="do" value="pay">{{if .Monthly}}Subscribe{{else}}Pay{{end}}</button>
{{if not .Monthly}}<button id="later" name="do" value="later">Pay by bank: the money comes days later</button>{{end}}
<button id="decline" name="do" value="decline">Pay with a card that is declined</button>
<button id="close" name="do" value="close">Close the page</button>
</form>`))

var portalPage = template.Must(template.New("portal").Parse(look + `<h1>Your subscription</h1>
{{range .Plans}}<p><b>{{.Item}}</b>: {{.State}}</p>
{{if .Confirm}}<form method="post"><p>Cancel it to the end of the paid month?</p>
<button class="main" id="confirm" name="cancel" value="{{.ID}}">Cancel plan</button></form>
{{else if .Cancellable}}<a class="button" id="cancel" href="?confirm={{.ID}}">Cancel plan…</a>{{end}}
{{else}}<p>None.</p>{{end}}
{{if .Return}}<a class="button" id="return" href="{{.Return}}">Return to the shop</a>{{end}}`))

// pages mounts what a person's browser is sent to.
func (s *Stripe) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /c/pay/{id}", func(w http.ResponseWriter, r *http.Request) { s.showPay(w, r, "") })
	mux.HandleFunc("POST /c/pay/{id}", s.press)
	mux.HandleFunc("GET /p/session/{id}", s.showPortal)
	mux.HandleFunc("POST /p/session/{id}", func(w http.ResponseWriter, r *http.Request) {
		if s.mayCancel(r.PathValue("id"), r.FormValue("cancel")) {
			s.Cancel(r.FormValue("cancel"), false)
		}
		http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
	})
}

// mayCancel reports whether a portal session is of a subscription's customer.
func (s *Stripe) mayCancel(session, sub string) bool {
	p, o := s.Get(session), s.Get(sub)
	return p != nil && o["object"] == "subscription" && p["customer"] == o["customer"]
}

func (s *Stripe) showPay(w http.ResponseWriter, r *http.Request, problem string) {
	id := r.PathValue("id")
	c := s.Get(id)
	if c == nil || c["object"] != "checkout.session" || c["status"] != "open" {
		http.Error(w, "This page is not there any more.", http.StatusGone)
		return
	}
	s.mu.Lock()
	item := s.hidden[id]["data"].([]any)[0].(object)["description"]
	s.mu.Unlock()
	_ = payPage.Execute(w, map[string]any{"Title": "Pay", "Item": item, "Error": problem, "Monthly": c["mode"] == "subscription",
		"Amount": money(c["amount_total"].(int64), c["currency"])})
}

func money(cents int64, currency any) string {
	return fmt.Sprintf("%d.%02d %s", cents/100, cents%100, strings.ToUpper(fmt.Sprint(currency)))
}

func (s *Stripe) press(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	c := s.Get(id)
	if c == nil {
		http.NotFound(w, r)
		return
	}
	var err error
	switch r.FormValue("do") {
	case "pay":
		err = s.Pay(id)
	case "later":
		err = s.PayLater(id)
	case "decline":
		err = errDeclined
	case "close":
		http.Redirect(w, r, c["cancel_url"].(string), http.StatusSeeOther)
		return
	default:
		http.Error(w, "no such button", http.StatusBadRequest)
		return
	}
	switch {
	case errors.Is(err, errDeclined):
		s.showPay(w, r, "Your card was declined. Try another.")
	case err != nil:
		http.Error(w, "This page is not there any more.", http.StatusGone)
	default:
		http.Redirect(w, r, strings.ReplaceAll(c["success_url"].(string), "{CHECKOUT_SESSION_ID}", id), http.StatusSeeOther)
	}
}

func (s *Stripe) showPortal(w http.ResponseWriter, r *http.Request) {
	p := s.Get(r.PathValue("id"))
	if p == nil || p["object"] != "billing_portal.session" {
		http.NotFound(w, r)
		return
	}
	type plan struct {
		ID, Item, State      string
		Confirm, Cancellable bool
	}
	var plans []plan
	for _, id := range s.Ids("subscription") {
		o := s.Get(id)
		if o["customer"] != p["customer"] {
			continue
		}
		price := o["items"].(object)["data"].([]any)[0].(object)["price"].(object)
		v := plan{ID: id, Item: fmt.Sprint(s.Get(price["product"].(string))["name"]), State: fmt.Sprint(o["status"])}
		if o["cancel_at_period_end"] == true && v.State == "active" {
			v.State = "cancelled to the end of the paid month"
		} else if v.State != "canceled" {
			v.Cancellable, v.Confirm = true, r.URL.Query().Get("confirm") == id
		}
		plans = append(plans, v)
	}
	_ = portalPage.Execute(w, map[string]any{"Title": "Subscription", "Plans": plans, "Return": p["return_url"]})
}
