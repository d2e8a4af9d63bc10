package server

import (
	"context"
	"net/http"
	"strconv"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
)

// showAccount tells what a person has and may use now.
func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, p person) {
	ctx, cancel := context.WithTimeout(r.Context(), s.patience)
	defer cancel()
	a, err := stored(s, "account", func() (supabase.Account, error) { return s.store.Account(ctx, p.ID) })
	if err != nil {
		writeError(w, r, err)
		return
	}
	v := api.Account{
		Email: p.Email, MinutesLeft: a.MinutesLeft, Unlimited: a.Rights.Unlimited, Plan: a.Plan,
		Models: s.models(a.Rights), Personas: a.Personas,
	}
	if a.Plan == billing.PlanPro {
		if a.CancelAtPeriodEnd {
			v.EndsAt = &a.PeriodEnd
		} else {
			v.RenewsAt = &a.PeriodEnd
		}
	}
	writeJSON(w, http.StatusOK, v)
}

const ledgerPage = 100

// showLedger tells a page of a person's entries, newest first.
func (s *Server) showLedger(w http.ResponseWriter, r *http.Request, p person) {
	var before int64
	if v := r.URL.Query().Get("before"); v != "" {
		var err error
		if before, err = strconv.ParseInt(v, 10, 64); err != nil || before < 1 {
			writeError(w, r, invalid("before is not the id of an entry"))
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.patience)
	defer cancel()
	entries, err := stored(s, "ledger", func() ([]supabase.Entry, error) { return s.store.Ledger(ctx, p.ID, before, ledgerPage) })
	if err != nil {
		writeError(w, r, err)
		return
	}
	v := api.Ledger{Entries: make([]api.Entry, len(entries))}
	for i, e := range entries {
		v.Entries[i] = api.Entry{ID: e.ID, At: e.CreatedAt, Kind: string(e.Kind), Minutes: e.Minutes, SessionID: e.SessionID, Note: e.Note}
	}
	if len(entries) == ledgerPage {
		v.Next = entries[ledgerPage-1].ID
	}
	writeJSON(w, http.StatusOK, v)
}

// listModels tells, in OpenAI's shape, which models a person may ask.
func (s *Server) listModels(w http.ResponseWriter, r *http.Request, p person) {
	pro := false
	if k := s.hub.person(p.ID); k != nil {
		k.mu.Lock()
		pro = k.unlimited
		k.mu.Unlock()
	} else {
		ctx, cancel := context.WithTimeout(r.Context(), s.patience)
		defer cancel()
		a, err := stored(s, "account", func() (supabase.Account, error) { return s.store.Account(ctx, p.ID) })
		if err != nil {
			writeError(w, r, err)
			return
		}
		pro = a.Rights.Unlimited
	}
	type model struct {
		ID     string `json:"id"`
		Object string `json:"object"`
	}
	list := struct {
		Object string  `json:"object"`
		Data   []model `json:"data"`
	}{Object: "list"}
	for _, id := range s.models(rights(pro)) {
		list.Data = append(list.Data, model{id, "model"})
	}
	writeJSON(w, http.StatusOK, list)
}

// rights are what an account may use while its minutes are unlimited, or not.
func rights(unlimited bool) billing.Rights {
	if unlimited {
		return billing.ProPlan()
	}
	return billing.Free()
}
