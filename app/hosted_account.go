package main

import (
	"context"
	"time"

	"copilot/app/account"
	"copilot/app/overlay"
	"copilot/backend/api"
)

// The rest of overlay.Hosted: signing in and out, and receipts.

func (h *hosted) SignIn(ctx context.Context, email, password string) error {
	return h.signed(h.account.SignIn(ctx, email, password))
}

func (h *hosted) SignUp(ctx context.Context, email, password string) (confirm bool, err error) {
	confirm, err = h.account.SignUp(ctx, email, password)
	if confirm {
		return true, nil
	}
	return false, h.signed(err)
}

func (h *hosted) SignInWithBrowser(ctx context.Context, provider string) error {
	return h.signed(h.account.SignInWithBrowser(ctx, account.Provider(provider), h.browse))
}

func (h *hosted) SendCode(ctx context.Context, purpose overlay.CodePurpose, email string) error {
	if purpose == overlay.CodeNewPassword {
		return said(h.account.ResetPassword(ctx, email))
	}
	return said(h.account.SendCode(ctx, email))
}

func (h *hosted) SignInWithCode(ctx context.Context, purpose overlay.CodePurpose, email, code string) error {
	is := map[overlay.CodePurpose]account.Purpose{
		overlay.CodeSignIn: account.ForSignIn, overlay.CodeSignUp: account.ForSignUp, overlay.CodeNewPassword: account.ForAnother,
	}[purpose]
	return h.signed(h.account.SignInWithCode(ctx, is, email, code))
}

func (h *hosted) SetPassword(ctx context.Context, password string) error {
	return said(h.account.SetPassword(ctx, password))
}

// signed follows a sign-in: an interview that waited for it goes on.
func (h *hosted) signed(err error) error {
	if err != nil {
		return said(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set(func(v *overlay.Account) {
		hold := v.Hold
		if hold == overlay.HoldSignedOut && h.lease == nil {
			hold = overlay.HoldNone
		}
		*v = overlay.Account{SignedIn: true, Email: h.account.Email(), Hold: hold}
	})
	if h.lease != nil {
		h.lease.ask(wishAgain)
	}
	h.Refresh()
	return nil
}

func (h *hosted) SignOut(ctx context.Context, everywhere bool) error {
	out := h.account.SignOut
	if everywhere {
		out = h.account.SignOutEverywhere
	}
	err := out(ctx)
	if !h.account.SignedIn() {
		h.change(func(v *overlay.Account) { *v = overlay.Account{Hold: v.Hold} })
	}
	return said(err)
}

// maxReceiptPages bounds what one look at the receipts asks for.
const maxReceiptPages = 50

func (h *hosted) Receipts(ctx context.Context) ([]overlay.Receipt, error) {
	var all []overlay.Receipt
	var before time.Time
	for range maxReceiptPages {
		page, err := h.client.Receipts(ctx, before)
		if err != nil {
			return nil, said(err)
		}
		for _, r := range page.Receipts {
			all = append(all, receiptOf(r))
		}
		if page.Next == nil {
			break
		}
		before = *page.Next
	}
	return all, nil
}

func receiptOf(r api.Receipt) overlay.Receipt {
	v := overlay.Receipt{
		ID: r.ID, At: r.At, Payment: r.Kind == api.ReceiptPayment, Title: r.Title, Minutes: r.Minutes,
		Cents: r.AmountCents, Refunded: r.RefundedCents, Currency: r.Currency,
	}
	if r.EndedAt != nil {
		v.End = *r.EndedAt
	}
	if !v.Payment {
		v.Why = endWords(r.Reason)
	}
	return v
}

// endWords says why a session ended.
func endWords(r api.Reason) string {
	switch r {
	case api.ReasonOutOfMinutes:
		return "The minutes were used up"
	case api.ReasonTakenOver:
		return "Taken over by another device"
	case api.ReasonStopped:
		return "Stopped by you"
	case api.ReasonExpired:
		return "The connection was lost"
	case api.ReasonShutdown:
		return "The server restarted"
	}
	return string(r)
}
