package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"copilot/backend/supabase"
	"copilot/billing"
)

const (
	demoEmail   = "demo@example.com"
	demoMinutes = 120
)

// fillAccount makes the demo account, or gives it its minutes again.
func (s *stack) fillAccount(ctx context.Context) error {
	id, err := s.demoUser(ctx)
	if err != nil {
		return err
	}
	db, err := supabase.Open(ctx, s.pg.URL("copilot_backend", database))
	if err != nil {
		return err
	}
	defer db.Close()
	account, err := db.Account(ctx, id)
	if err != nil {
		return err
	}
	if missing := demoMinutes - account.MinutesLeft; missing > 0 {
		_, err = db.Post(ctx, supabase.Posting{UserID: id, Kind: billing.Adjustment, Minutes: missing,
			Key: "stack:" + strconv.FormatInt(time.Now().UnixNano(), 10), Note: "Demo"})
	}
	if err != nil {
		return err
	}
	return os.WriteFile(s.complete(), nil, 0o600)
}

// demoUser signs the demo account in, or up when it is new, and returns its id.
func (s *stack) demoUser(ctx context.Context) (string, error) {
	got, refused := s.auth(ctx, "/auth/v1/token?grant_type=password", demoEmail, s.secrets.Demo)
	if refused == nil {
		return got.User.ID, nil
	}
	got, err := s.auth(ctx, "/auth/v1/signup", demoEmail, s.secrets.Demo)
	if err != nil {
		return "", errors.Join(refused, err)
	}
	if s.o.Confirm {
		return got.ID, s.confirm(ctx)
	}
	return got.User.ID, nil
}

var confirmation = regexp.MustCompile(`http://\S+/auth/v1/verify\?\S+`)

// confirm opens the link in the message to the demo account.
func (s *stack) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		select {
		case text := <-s.mails:
			link := confirmation.FindString(text)
			if link == "" || !strings.Contains(text, demoEmail) {
				continue
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultTransport.RoundTrip(req) // the redirect is for a browser
			if err != nil {
				return err
			}
			resp.Body.Close()
			if where := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || strings.Contains(where, "error") {
				return fmt.Errorf("confirm the address: status %d", resp.StatusCode)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("no message to confirm the address: %w", ctx.Err())
		}
	}
}

// mail passes on a message that nobody sends.
func (s *stack) mail(text string) {
	select {
	case s.mails <- text:
	default: // only the demo account's is waited for
	}
	s.o.Mail(text)
}

// signedIn is GoTrue's answer to a sign-in, and to a sign-up.
type signedIn struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	User         struct{ ID string }
	ID           string // of a sign-up that has to be confirmed
	Msg          string // of a refusal
}

func (s *stack) auth(ctx context.Context, path, email, password string) (got signedIn, err error) {
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return got, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.SupabaseURL+path, bytes.NewReader(body))
	if err != nil {
		return got, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("apikey", s.secrets.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return got, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&got); err != nil {
		return got, fmt.Errorf("%s: status %d: %w", path, resp.StatusCode, err)
	}
	if resp.StatusCode != http.StatusOK {
		return got, fmt.Errorf("%s: status %d: %s", path, resp.StatusCode, got.Msg)
	}
	return got, nil
}
