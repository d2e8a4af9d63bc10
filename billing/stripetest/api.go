package stripetest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// page are the parameters of every list.
var page = []string{"limit", "starting_after", "ending_before"}

func with(more ...string) []string { return append(slices.Clone(page), more...) }

// routes mounts the calls of the API that the backend makes, and no others.
func (s *Stripe) routes(mux *http.ServeMux) {
	get := func(kind string) func(call) (any, *refusal) {
		return func(c call) (any, *refusal) { return s.find(kind, c.PathValue("id")) }
	}
	s.route(mux, "POST /v1/customers", []string{"email", "name", "metadata[*]"}, s.newCustomer)
	s.route(mux, "GET /v1/customers/{id}", nil, get("customer"))

	s.route(mux, "POST /v1/products", []string{"id", "name!", "description", "metadata[*]"}, s.newProduct)
	s.route(mux, "GET /v1/products/{id}", nil, get("product"))
	s.route(mux, "POST /v1/prices", []string{"product!", "unit_amount!", "currency!", "lookup_key", "transfer_lookup_key",
		"nickname", "recurring[interval]", "metadata[*]"}, s.newPrice)
	s.route(mux, "GET /v1/prices", with("lookup_keys[]", "active"), s.listPrices)
	s.route(mux, "GET /v1/prices/{id}", nil, get("price"))

	s.route(mux, "POST /v1/checkout/sessions", []string{"mode!", "customer", "client_reference_id", "line_items[][price]!",
		"line_items[][quantity]!", "success_url!", "cancel_url", "metadata[*]"}, s.newCheckout)
	s.route(mux, "GET /v1/checkout/sessions/{id}", nil, get("checkout.session"))
	s.route(mux, "GET /v1/checkout/sessions", with("created[gte]", "status", "payment_intent", "subscription", "customer"),
		s.list("checkout.session", "status", "payment_intent", "subscription", "customer"))
	s.route(mux, "GET /v1/payment_intents/{id}", nil, get("payment_intent"))
	s.route(mux, "GET /v1/charges/{id}", nil, get("charge"))
	s.route(mux, "GET /v1/invoices/{id}", nil, get("invoice"))
	s.route(mux, "GET /v1/refunds", with("created[gte]", "payment_intent", "charge"), s.list("refund", "payment_intent", "charge"))
	s.route(mux, "GET /v1/disputes", with("created[gte]", "payment_intent", "charge"), s.list("dispute", "payment_intent", "charge"))
	s.route(mux, "GET /v1/subscriptions/{id}", nil, get("subscription"))
	s.route(mux, "GET /v1/subscriptions", with("status", "customer"), s.listSubscriptions)

	config := []string{"business_profile[headline]", "default_return_url", "metadata[*]", "features[invoice_history][enabled]",
		"features[payment_method_update][enabled]", "features[subscription_cancel][enabled]", "features[subscription_cancel][mode]"}
	s.route(mux, "POST /v1/billing_portal/configurations", append(config, "features[invoice_history][enabled]!"), s.newConfiguration)
	s.route(mux, "POST /v1/billing_portal/configurations/{id}", config, s.change("billing_portal.configuration"))
	s.route(mux, "GET /v1/billing_portal/configurations", with("active"), s.list("billing_portal.configuration"))
	s.route(mux, "POST /v1/billing_portal/sessions", []string{"customer!", "configuration", "return_url"}, s.newPortal)

	s.route(mux, "POST /v1/webhook_endpoints", []string{"url!", "enabled_events[]!", "api_version"}, s.newEndpoint)
	s.route(mux, "POST /v1/webhook_endpoints/{id}", []string{"enabled_events[]", "disabled"}, s.changeEndpoint)
	s.route(mux, "GET /v1/webhook_endpoints", with(), s.list("webhook_endpoint"))

	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		(&refusal{http.StatusNotFound, "invalid_request_error", "", "", "Unrecognized request URL (" + r.Method + ": " + r.URL.Path + ")."}).write(w)
	})
}

func (s *Stripe) find(kind, id string) (object, *refusal) {
	o := s.objects[id]
	if o == nil || o["object"] != kind {
		return nil, noSuch(kind, id)
	}
	return maps.Clone(o), nil
}

// list shows objects of a kind, newest first, filtered by equality.
func (s *Stripe) list(kind string, filters ...string) func(call) (any, *refusal) {
	return func(c call) (any, *refusal) {
		return s.listed(c, kind, func(o object) bool {
			for _, f := range filters {
				if c.has(f) && o[f] != c.get(f) {
					return false
				}
			}
			return true
		})
	}
}

func (s *Stripe) listed(c call, kind string, keep func(object) bool) (any, *refusal) {
	limit, since := int64(10), int64(0)
	var e *refusal
	if c.has("limit") {
		if limit, e = c.number("limit"); e == nil && (limit < 1 || limit > 100) {
			e = bad("parameter_invalid_integer", "limit", "Limit must be between 1 and 100")
		}
	}
	if e == nil && c.has("created[gte]") {
		since, e = c.number("created[gte]")
	}
	if e != nil {
		return nil, e
	}
	after := c.get("starting_after")
	if after != "" {
		if _, e := s.find(kind, after); e != nil {
			return nil, e
		}
	}
	data, more := []any{}, false
	for _, id := range slices.Backward(s.order) {
		o := s.objects[id]
		switch {
		case o["object"] != kind || o["created"].(int64) < since || !keep(o):
		case after != "":
			if id == after {
				after = ""
			}
		case int64(len(data)) == limit:
			more = true
		default:
			data = append(data, maps.Clone(o))
		}
	}
	return object{"object": "list", "url": c.URL.Path, "has_more": more, "data": data}, nil
}

// expand puts objects where their ids are, along paths such as
// data.payment_intent.latest_charge. v is a copy that nobody else has.
func (s *Stripe) expand(v any, paths []string) *refusal {
	for _, p := range paths {
		steps := strings.Split(p, ".")
		if len(steps) > 4 {
			return bad("", "expand", "You cannot expand more than 4 levels of a property: %s", p)
		}
		if e := s.expandOne(v.(object), steps, p); e != nil {
			return e
		}
	}
	return nil
}

func (s *Stripe) expandOne(o object, steps []string, path string) *refusal {
	if steps[0] == "data" && o["object"] == "list" {
		for _, item := range o["data"].([]any) {
			if e := s.expandOne(item.(object), steps[1:], path); e != nil {
				return e
			}
		}
		return nil
	}
	id, _ := o["id"].(string)
	if steps[0] == "line_items" && o["object"] == "checkout.session" {
		o["line_items"] = s.hidden[id]
		return nil
	}
	value, there := o[steps[0]]
	switch value := value.(type) {
	case string:
		child := s.objects[value]
		if child == nil {
			return bad("", "expand", "This property cannot be expanded (%s).", path)
		}
		o[steps[0]] = maps.Clone(child)
	case object:
	default:
		if !there {
			return bad("", "expand", "This property cannot be expanded (%s).", path)
		}
		return nil // null
	}
	if len(steps) > 1 {
		return s.expandOne(o[steps[0]].(object), steps[1:], path)
	}
	return nil
}

func (s *Stripe) newCustomer(c call) (any, *refusal) {
	o := object{"email": nil, "name": nil, "metadata": c.under("metadata")}
	if c.has("email") {
		if !strings.Contains(c.get("email"), "@") {
			return nil, bad("email_invalid", "email", "Invalid email address: %s", c.get("email"))
		}
		o["email"] = c.get("email")
	}
	return maps.Clone(s.put("cus_", "customer", o)), nil
}

func (s *Stripe) newProduct(c call) (any, *refusal) {
	if s.objects[c.get("id")] != nil {
		return nil, bad("resource_already_exists", "id", "Product already exists.")
	}
	o := object{"name": c.get("name"), "active": true, "metadata": c.under("metadata")}
	if c.has("id") {
		o["id"] = c.get("id")
	}
	return maps.Clone(s.put("prod_", "product", o)), nil
}

func (s *Stripe) newPrice(c call) (any, *refusal) {
	amount, e := c.number("unit_amount")
	if e != nil {
		return nil, e
	}
	if _, e := s.find("product", c.get("product")); e != nil {
		return nil, e
	}
	o := object{
		"product": c.get("product"), "unit_amount": amount, "unit_amount_decimal": c.get("unit_amount"), "currency": c.get("currency"),
		"active": true, "type": "one_time", "recurring": nil, "lookup_key": nil, "nickname": nil, "billing_scheme": "per_unit", "metadata": object{},
	}
	if c.has("recurring[interval]") {
		o["type"], o["recurring"] = "recurring", object{"interval": c.get("recurring[interval]"), "interval_count": 1, "usage_type": "licensed"}
	}
	if key := c.get("lookup_key"); key != "" {
		for _, other := range s.objects {
			if other["object"] != "price" || other["lookup_key"] != key {
				continue
			}
			if c.get("transfer_lookup_key") != "true" {
				return nil, bad("resource_already_exists", "lookup_key", "A price already uses that lookup key.")
			}
			other["lookup_key"] = nil
		}
		o["lookup_key"] = key
	}
	return maps.Clone(s.put("price_", "price", o)), nil
}

func (s *Stripe) listPrices(c call) (any, *refusal) {
	keys := c.all("lookup_keys")
	return s.listed(c, "price", func(o object) bool {
		key, _ := o["lookup_key"].(string)
		return len(keys) == 0 || slices.Contains(keys, key)
	})
}

func (s *Stripe) listSubscriptions(c call) (any, *refusal) {
	return s.listed(c, "subscription", func(o object) bool {
		if c.has("customer") && o["customer"] != c.get("customer") {
			return false
		}
		switch want := c.get("status"); want {
		case "all":
			return true
		case "":
			return o["status"] != "canceled"
		default:
			return o["status"] == want
		}
	})
}

func (s *Stripe) newCheckout(c call) (any, *refusal) {
	price, e := s.find("price", c.get("line_items[0][price]"))
	if e != nil {
		return nil, e
	}
	quantity, e := c.number("line_items[0][quantity]")
	if e != nil {
		return nil, e
	}
	mode := c.get("mode")
	if recurring := price["recurring"] != nil; recurring != (mode == "subscription") || mode != "payment" && mode != "subscription" {
		return nil, bad("", "mode", "You must provide a price that fits the mode %q.", mode)
	}
	if c.has("customer") {
		if _, e := s.find("customer", c.get("customer")); e != nil {
			return nil, e
		}
	}
	total := price["unit_amount"].(int64) * quantity
	o := s.put("cs_test_", "checkout.session", object{
		"mode": mode, "status": "open", "payment_status": "unpaid", "ui_mode": "hosted", "customer": orNull(c.get("customer")),
		"client_reference_id": orNull(c.get("client_reference_id")), "amount_subtotal": total, "amount_total": total,
		"currency": price["currency"], "success_url": c.get("success_url"), "cancel_url": orNull(c.get("cancel_url")),
		"payment_intent": nil, "subscription": nil, "invoice": nil, "metadata": c.under("metadata"),
		"expires_at": s.now().Unix() + 24*3600,
	})
	id := o["id"].(string)
	o["url"] = s.URL + "/c/pay/" + id
	s.hidden[id] = object{"object": "list", "has_more": false, "url": "/v1/checkout/sessions/" + id + "/line_items", "data": []any{
		object{"id": "li_" + unguessable(), "object": "item", "quantity": quantity, "amount_total": total, "amount_subtotal": total,
			"currency": price["currency"], "description": s.objects[price["product"].(string)]["name"], "price": price},
	}}
	return maps.Clone(o), nil
}

func orNull(v string) any {
	if v == "" {
		return nil
	}
	return v
}

func (s *Stripe) newConfiguration(c call) (any, *refusal) {
	o := s.put("bpc_", "billing_portal.configuration", object{"active": true, "is_default": false, "metadata": c.under("metadata")})
	return maps.Clone(o), nil
}

func (s *Stripe) change(kind string) func(call) (any, *refusal) {
	return func(c call) (any, *refusal) {
		if _, e := s.find(kind, c.PathValue("id")); e != nil {
			return nil, e
		}
		o := s.objects[c.PathValue("id")]
		if m := c.under("metadata"); len(m) > 0 {
			o["metadata"] = m
		}
		return maps.Clone(o), nil
	}
}

func (s *Stripe) newPortal(c call) (any, *refusal) {
	if _, e := s.find("customer", c.get("customer")); e != nil {
		return nil, e
	}
	if c.has("configuration") {
		if _, e := s.find("billing_portal.configuration", c.get("configuration")); e != nil {
			return nil, e
		}
	}
	o := s.put("bps_", "billing_portal.session", object{"customer": c.get("customer"), "return_url": orNull(c.get("return_url"))})
	o["url"] = s.URL + "/p/session/" + o["id"].(string)
	return maps.Clone(o), nil
}

func (s *Stripe) newEndpoint(c call) (any, *refusal) {
	if v := c.get("api_version"); v != "" && v != Version {
		return nil, bad("", "api_version", "Invalid API version: %s", v)
	}
	o := s.put("we_", "webhook_endpoint", object{
		"url": c.get("url"), "status": "enabled", "enabled_events": anys(c.all("enabled_events")), "api_version": orNull(c.get("api_version")),
	})
	shown := maps.Clone(o)
	secret := "whsec_" + unguessable()
	shown["secret"] = secret // never again
	s.hidden[o["id"].(string)] = object{"secrets": []string{secret}}
	return shown, nil
}

func (s *Stripe) changeEndpoint(c call) (any, *refusal) {
	if _, e := s.find("webhook_endpoint", c.PathValue("id")); e != nil {
		return nil, e
	}
	o := s.objects[c.PathValue("id")]
	if events := c.all("enabled_events"); len(events) > 0 {
		o["enabled_events"] = anys(events)
	}
	switch c.get("disabled") {
	case "true":
		o["status"] = "disabled"
	case "false":
		o["status"] = "enabled"
	}
	return maps.Clone(o), nil
}

func anys(values []string) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
