package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"copilot/app/deepgram"
	"copilot/backend/api"
)

// models returns those that the plan allows, as the newest session began.
func (l *lease) models() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.socket == nil {
		return nil
	}
	return l.socket.Started.Models
}

// SessionID is what answers are asked with.
func (l *lease) SessionID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// credential asks for a fresh grant, once there is a socket to ask on. While the
// server gives no more, the last one is used as long as it is good.
func (l *lease) credential(ctx context.Context) (deepgram.Credential, error) {
	for {
		l.mu.Lock()
		s, ready := l.socket, l.ready
		l.mu.Unlock()
		if s == nil {
			select {
			case <-ready:
				continue
			case <-ctx.Done():
				return deepgram.Credential{}, errNoGrant
			}
		}
		m, err := s.Grant(ctx)
		l.mu.Lock()
		if now := time.Now(); err == nil {
			l.grant, l.until = m, now.Add(time.Duration(m.ExpiresInSeconds)*time.Second)
		} else if code(err) == api.SlowDown && l.until.Sub(now) > 5*time.Second {
			m, err = l.grant, nil
		}
		l.mu.Unlock()
		switch {
		case err == nil:
			// The tag tells the server which session a stream belongs to.
			return deepgram.Credential{Scheme: "Bearer", Value: m.Token, Tag: l.SessionID()}, nil
		case code(err) != "":
			return deepgram.Credential{}, fmt.Errorf("grant: %w", err)
		}
		select { // the socket has ended: Run will open another
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return deepgram.Credential{}, errNoGrant
		}
	}
}

var errNoGrant = errors.New("grant: no session yet")
