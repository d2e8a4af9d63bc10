package account

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"copilot/app/account/authtest"
	"copilot/backend/supabase"
	"copilot/backend/supabase/pgtest"
)

// rest speaks PostgREST's wire over the real database with its migrations, as
// the person whose token is sent, so that its rules are those that hold. It
// knows what Cloud asks, and refuses everything else.
type rest struct {
	*httptest.Server
	t    *testing.T
	db   *pgtest.Database
	auth *authtest.Server

	mu      sync.Mutex
	asked   []string
	problem func(w http.ResponseWriter, r *http.Request) bool
}

// newDatabases starts a database server for the test.
func newDatabases(t *testing.T) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start(context.Background(), pgtest.Options{Template: func(ctx context.Context, url string) error {
		_, err := supabase.Migrate(ctx, url)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func newRest(t *testing.T, server *pgtest.Server) *rest {
	t.Helper()
	s := &rest{t: t, db: server.Database(t), auth: authtest.New(t)}
	base, _ := url.Parse(s.auth.URL)
	proxy := httputil.NewSingleHostReverseProxy(base)
	mux := http.NewServeMux()
	mux.Handle("/auth/v1/", proxy)
	mux.HandleFunc("/rest/v1/{table}", s.handle)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return s
}

// sql runs statements as the owner of everything.
func (s *rest) sql(text string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Super(s.t).Exec(context.Background(), text, args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *rest) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.String())
	problem := s.problem
	s.mu.Unlock()
	if problem != nil && problem(w, r) {
		return
	}
	claims, err := claimsOf(r.Header.Get("Authorization"))
	if err != nil || r.Header.Get("apikey") != authtest.Key {
		restRefuse(w, http.StatusUnauthorized, "PGRST301", "JWSError")
		return
	}
	body, _ := io.ReadAll(r.Body)
	query, args, err := statement(r, body)
	if err != nil {
		restRefuse(w, http.StatusBadRequest, "PGRST100", err.Error())
		return
	}
	out, err := s.run(r.Context(), claims, query, args)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		status := map[string]int{"42501": http.StatusForbidden, "23505": http.StatusConflict}[pg.Code]
		if status == 0 {
			status = http.StatusBadRequest
		}
		restRefuse(w, status, pg.Code, pg.Message)
	case err != nil:
		s.t.Errorf("rest: %v", err)
	case r.Method == http.MethodPost && strings.Contains(r.Header.Get("Prefer"), "return=minimal"):
		w.WriteHeader(http.StatusCreated)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		w.Write(out)
	}
}

func restRefuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"code": code, "details": nil, "hint": nil, "message": message})
}

// run runs a statement as PostgREST does: as the token's role, its claims set.
func (s *rest) run(ctx context.Context, claims, query string, args []any) (out []byte, err error) {
	conn, err := pgx.Connect(ctx, s.db.URL(s.db.Server.Superuser()))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)", claims); err != nil {
			return err
		}
		return tx.QueryRow(ctx, query, args...).Scan(&out)
	})
	return out, err
}

func claimsOf(authorization string) (string, error) {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return "", errors.New("no token")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	return string(claims), err
}

// statement is the SQL of a request.
func statement(r *http.Request, body []byte) (string, []any, error) {
	table := pgx.Identifier{"public", r.PathValue("table")}.Sanitize()
	where, tail, columns, args, err := conditions(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	wrap := func(with string) string {
		return "with t as (" + with + ") select coalesce(json_agg(t), '[]')::text from t"
	}
	switch r.Method {
	case http.MethodGet:
		return wrap("select " + columns + " from " + table + where + tail), args, nil
	case http.MethodDelete:
		if where == "" {
			return "", nil, errors.New("DELETE requires a WHERE clause")
		}
		return wrap("delete from " + table + where + " returning *"), args, nil
	}
	names, err := fields(body)
	if err != nil {
		return "", nil, err
	}
	list := strings.Join(names, ", ")
	args = append(args, string(body))
	if r.Method == http.MethodPatch {
		return wrap(fmt.Sprintf("update %s set (%s) = (select %s from json_populate_record(null::%[1]s, $%[4]d)) %[5]s returning *", table, list, list, len(args), where)), args, nil
	}
	if !bytes.HasPrefix(body, []byte("[")) {
		args[len(args)-1] = "[" + string(body) + "]"
	}
	return wrap(fmt.Sprintf("insert into %s (%s) select %s from json_populate_recordset(null::%[1]s, $%[4]d) returning *", table, list, list, len(args))), args, nil
}

// fields are the columns that a body names: those of its first object.
func fields(body []byte) ([]string, error) {
	var one map[string]json.RawMessage
	var many []map[string]json.RawMessage
	if json.Unmarshal(body, &many) == nil && len(many) > 0 {
		one = many[0]
	} else if err := json.Unmarshal(body, &one); err != nil {
		return nil, err
	}
	var names []string
	for n := range one {
		names = append(names, pgx.Identifier{n}.Sanitize())
	}
	slices.Sort(names)
	return names, nil
}

func conditions(q url.Values) (where, tail, columns string, args []any, err error) {
	columns = "*"
	var limit, offset string
	for name, values := range q {
		value := values[0]
		switch name {
		case "select":
			columns = value
		case "order":
			column, way, _ := strings.Cut(value, ".")
			way, _, _ = strings.Cut(way, ".")
			tail = " order by " + pgx.Identifier{column}.Sanitize() + " " + way
		case "limit":
			limit = " limit " + value
		case "offset":
			offset = " offset " + value
		default:
			op, operand, _ := strings.Cut(value, ".")
			sql := map[string]string{"eq": " = ", "ilike": " ilike "}[op]
			if sql == "" || len(values) > 1 {
				return "", "", "", nil, fmt.Errorf("failed to parse filter (%s)", value)
			}
			if op == "ilike" {
				operand = strings.ReplaceAll(operand, "*", "%")
			}
			args = append(args, operand)
			where += map[bool]string{true: " where ", false: " and "}[where == ""] + pgx.Identifier{name}.Sanitize() + "::text" + sql + fmt.Sprintf("$%d", len(args))
		}
	}
	return where, tail + limit + offset, columns, args, nil
}
