// Package api is what the desktop program and the backend say to each other:
// routes, wire types, error codes, and the client. It imports none of our other
// packages, and the two sides share nothing else.
//
// A [Client] asks for the account, the ledger, checkout pages and answers over
// HTTP; [Client.OpenSession] opens the session socket, in which being connected
// means being metered. Errors of the backend arrive as [*Error] with the code
// they were sent with, on every route and on the socket's handshake.
//
// Changes of the wire are additive: a reader ignores what it does not know.
package api

import (
	"fmt"
	"net/http"
	"time"
)

// Routes of the backend.
const (
	PathSession           = "/v1/session"
	PathCompletions       = "/v1/chat/completions"
	PathModels            = "/v1/models"
	PathAccount           = "/v1/account"
	PathLedger            = "/v1/ledger"
	PathCheckout          = "/v1/checkout"
	PathPortal            = "/v1/portal"
	PathWebhook           = "/webhook"
	PathCheckoutDone      = "/checkout/done"
	PathCheckoutCancelled = "/checkout/cancelled"
	PathCheckoutStatus    = "/checkout/status"
	PathPortalDone        = "/checkout/portal"
	PathReceipts          = "/v1/receipts"
	PathCheck             = "/v1/check"
)

// HeaderSession names the live session an answer is asked for.
const HeaderSession = "X-Session"

// HeaderPurpose says, in place of HeaderSession, what an answer outside a session
// is for. Such answers are few a day, and free for who has minutes or Pro, or
// had a session in the last day.
const HeaderPurpose = "X-Purpose"

// Values of HeaderPurpose.
const (
	PurposePrepare = "prepare" // likely questions answered ahead
	PurposeDebrief = "debrief" // an interview or a practice looked back at
)

// HeaderPersona names the persona an answer is asked of; without it none is.
const HeaderPersona = "X-Persona"

// Code is the machine's word for what went wrong.
type Code string

const (
	Unauthenticated  Code = "unauthenticated"   // no valid access token: sign in again
	OutOfMinutes     Code = "out_of_minutes"    // nothing left to meter
	SessionElsewhere Code = "session_elsewhere" // another device holds the session; takeover=1 moves it
	NoSession        Code = "no_session"        // unknown, ended, or somebody else's
	SessionPaused    Code = "session_paused"    // paused time is free and has no answers
	PlanRequired     Code = "plan_required"     // the model or persona belongs to Pro
	AlreadyPro       Code = "already_pro"       // the plan is paid for; the portal changes it
	Invalid          Code = "invalid"           // the request is not understood
	TooLarge         Code = "too_large"
	NotFound         Code = "not_found"
	SlowDown         Code = "slow_down"   // over a rate; RetryAfter says how long
	DayUsed          Code = "day_used"    // what a day has beside the minutes is used up
	Unavailable      Code = "unavailable" // the backend or a vendor is away; try again
)

// Status is the HTTP status that goes with the code.
func (c Code) Status() int {
	switch c {
	case Unauthenticated:
		return http.StatusUnauthorized
	case OutOfMinutes:
		return http.StatusPaymentRequired
	case PlanRequired:
		return http.StatusForbidden
	case SessionElsewhere, SessionPaused, AlreadyPro:
		return http.StatusConflict
	case NoSession, NotFound:
		return http.StatusNotFound
	case Invalid:
		return http.StatusBadRequest
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case SlowDown, DayUsed:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// Error is what the backend answers instead: {"error":{"code","message"}}.
// Message is a sentence fit for a person and holds no vendor's words.
type Error struct {
	Code       Code          `json:"code"`
	Message    string        `json:"message"`
	RetryAfter time.Duration `json:"-"` // from the Retry-After header; 0: not said
}

func (e *Error) Error() string { return fmt.Sprintf("backend: %s", e.Code) }

// Sentence says what a person can do.
func (e *Error) Sentence() string { return e.Message }

// ErrorBody is the JSON around an Error.
type ErrorBody struct {
	Error *Error `json:"error"`
}

// Types of the messages on the session socket.
const (
	TypeStarted    = "started"     // server: the session runs
	TypeBalance    = "balance"     // server: after each charge and each top-up
	TypeLowBalance = "low_balance" // server: at 5 and at 1 minute
	TypeEnded      = "ended"       // server: the last message
	TypeGrant      = "grant"       // client asks, server answers
	TypePause      = "pause"       // client
	TypeResume     = "resume"      // client
	TypePaused     = "paused"      // server: the pause is in the ledger's books
	TypeResumed    = "resumed"     // server
	TypeStop       = "stop"        // client
	TypeError      = "error"       // server: a request of the client was refused
)

// Message is one JSON text message of the session socket, in either direction.
// Which fields count follows from Type.
type Message struct {
	Type             string   `json:"type"`
	SessionID        string   `json:"session_id,omitempty"`
	MinutesLeft      *int     `json:"minutes_left,omitempty"`
	Unlimited        bool     `json:"unlimited,omitempty"`
	Models           []string `json:"models,omitempty"`
	Personas         []string `json:"personas,omitempty"`
	GraceSeconds     int      `json:"grace_seconds,omitempty"`
	Token            string   `json:"token,omitempty"`
	ExpiresInSeconds int      `json:"expires_in_seconds,omitempty"`
	Reason           Reason   `json:"reason,omitempty"`
	Error            *Error   `json:"error,omitempty"`
}

// Reason says why a session ended.
type Reason string

const (
	ReasonOutOfMinutes Reason = "out_of_minutes"
	ReasonTakenOver    Reason = "taken_over"
	ReasonStopped      Reason = "stopped"
	ReasonShutdown     Reason = "shutdown" // the instance goes; reconnect with resume
	ReasonExpired      Reason = "expired"  // the lease outlived its grace
)

// CloseCode is the WebSocket close code that follows an ended message.
func (r Reason) CloseCode() int {
	switch r {
	case ReasonOutOfMinutes:
		return 4402
	case ReasonTakenOver:
		return 4409
	case ReasonShutdown:
		return 1001
	case ReasonExpired:
		return 4408
	}
	return 1000
}

// Account is what a person may do now (GET /v1/account).
type Account struct {
	Email       string     `json:"email"`
	MinutesLeft int        `json:"minutes_left"`
	Unlimited   bool       `json:"unlimited"`
	Plan        string     `json:"plan"` // "minutes" or "pro"
	RenewsAt    *time.Time `json:"renews_at,omitempty"`
	EndsAt      *time.Time `json:"ends_at,omitempty"` // a cancelled Pro runs until then
	Models      []string   `json:"models"`
	Personas    []string   `json:"personas"`
}

// Check is the right to a sound check with live words (POST /v1/check): a token
// for one stream, which bears the tag and ends after Seconds. Few a day are free
// for who has minutes or Pro.
type Check struct {
	Token            string `json:"token"`
	ExpiresInSeconds int    `json:"expires_in_seconds"`
	Tag              string `json:"tag"`
	Seconds          int    `json:"seconds"`
}

// Entry is one line of the ledger (GET /v1/ledger, newest first).
type Entry struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"` // purchase, usage, refund, adjustment
	Minutes   int       `json:"minutes"`
	SessionID string    `json:"session_id,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// Ledger is a page of entries; Next, when not 0, is the ?before= of the next.
type Ledger struct {
	Entries []Entry `json:"entries"`
	Next    int64   `json:"next,omitempty"`
}

// Kinds of a Receipt.
const (
	ReceiptPayment = "payment"
	ReceiptSession = "session"
)

// Receipt is a payment or a session, as its owner sees it afterwards.
type Receipt struct {
	Kind string    `json:"kind"`
	ID   string    `json:"id"`
	At   time.Time `json:"at"` // paid, or begun
	// Minutes of a payment were bought, of a session charged (0 under Pro).
	Minutes int `json:"minutes"`

	// Of a payment. RefundedCents went back, or is held by a dispute.
	Title         string `json:"title,omitempty"`
	AmountCents   int64  `json:"amount_cents,omitempty"`
	RefundedCents int64  `json:"refunded_cents,omitempty"`
	Currency      string `json:"currency,omitempty"`

	// Of a session; without EndedAt it runs.
	EndedAt *time.Time `json:"ended_at,omitempty"`
	Reason  Reason     `json:"reason,omitempty"`
}

// Receipts is a page of receipts, newest first (GET /v1/receipts); Next, when
// set, is the ?before= of the next.
type Receipts struct {
	Receipts []Receipt  `json:"receipts"`
	Next     *time.Time `json:"next,omitempty"`
}

// CheckoutStatus is what has become of a payment page (GET /checkout/status,
// with its id; for nobody in particular). The account's numbers are shown for
// an hour after the payment.
type CheckoutStatus struct {
	Paid        bool  `json:"paid"`
	Price       Price `json:"price,omitempty"`
	MinutesLeft *int  `json:"minutes_left,omitempty"`
	Unlimited   bool  `json:"unlimited,omitempty"`
}

// Price names what is for sale.
type Price string

const (
	Minutes120 Price = "minutes_120" // 120 minutes, once
	ProMonthly Price = "pro_monthly" // Pro, each month
)

// CheckoutRequest asks for a payment page (POST /v1/checkout).
type CheckoutRequest struct {
	Price Price `json:"price"`
}

// Page is where the browser is to go.
type Page struct {
	URL string `json:"url"`
}
