package assets

import _ "embed"

// Andika New Basic 5.500 by SIL International, as in Debian's
// fonts-sil-andikanewbasic 5.500-3.1: a typeface made for people who find reading
// hard, whose letters are not mistaken for each other. Unchanged, under the SIL
// Open Font License 1.1; its text goes with it.
var (
	//go:embed fonts/AndikaNewBasic-R.ttf
	EasyFont []byte

	//go:embed fonts/AndikaNewBasic-B.ttf
	EasyFontBold []byte

	//go:embed fonts/OFL.txt
	EasyFontLicence string
)
