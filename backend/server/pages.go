package server

import (
	"bytes"
	"net/http"
	"path"
	"time"

	"copilot/assets"
)

// pagePolicy lets a page load what lies beside it and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page serves a file of assets.Pages. The address a browser comes back with
// bears a checkout session's id: it is passed on to nobody.
func (s *Server) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		noteOf(r.Context()).quiet = true
		b, err := assets.Pages.ReadFile(name)
		if err != nil {
			writeError(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		if path.Ext(name) == ".html" {
			h.Set("Cache-Control", "no-store")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
	}
}
