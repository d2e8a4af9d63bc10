package main

import "testing"

// Flux is one choice; its model is the language's. Other models are themselves.
func TestListenModel(t *testing.T) {
	for _, tt := range []struct{ chosen, language, want string }{
		{"", "de", ""}, {"nova-2", "en", "nova-2"}, {"flux-general-multi", "en", "flux-general-multi"},
		{flux, "", "flux-general-en"}, {flux, "en", "flux-general-en"}, {flux, "en-GB", "flux-general-en"},
		{flux, "de", "flux-general-multi"}, {flux, "multi", "flux-general-multi"},
	} {
		if got := listenModel(tt.chosen, tt.language); got != tt.want {
			t.Errorf("%q in %q: %q, want %q", tt.chosen, tt.language, got, tt.want)
		}
	}
}
