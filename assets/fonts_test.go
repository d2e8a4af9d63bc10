package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// The font is the file that its licence speaks of, byte for byte.
func TestFontsAreUnchanged(t *testing.T) {
	for want, font := range map[string][]byte{
		"706194e5dfe466aa7557d0aa78a49be292cfc32d72350c05b7b2cb3f741df986": EasyFont,
		"fec5749493a3117d9f7bc5776a18f18fd694e57cfecbba196c8e2cca917c3424": EasyFontBold,
	} {
		if sum := sha256.Sum256(font); hex.EncodeToString(sum[:]) != want {
			t.Errorf("a font of %d bytes is another", len(font))
		}
	}
	if !strings.Contains(EasyFontLicence, "SIL OPEN FONT LICENSE Version 1.1") || !strings.Contains(EasyFontLicence, "SIL International") {
		t.Error("the licence is not whole")
	}
}
