#!/bin/sh
# Makes the résumés of the corpus again, each with the producer it is named
# after. The results are committed; run this only to change them.
# Debian: apt-get install --no-install-recommends texlive-latex-base groff
#   ghostscript libreoffice-writer-nogui chromium python3-cairo zip
#   fonts-dejavu-core fonts-liberation
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export SOURCE_DATE_EPOCH=1763942400 HOME="$tmp"

for name in pdftex pdftexcv pdftexgrid; do
	pdflatex -interaction=batchmode -output-directory "$tmp" "src/$name.tex" >/dev/null 2>&1
	cp "$tmp/$name.pdf" .
done

groff -t -ms -Kutf8 -Tpdf src/groff.ms >groff.pdf
groff -t -ms -Kutf8 -Tps src/groff.ms >"$tmp/groff.ps"
ps2pdf "$tmp/groff.ps" ghostscript.pdf

/usr/bin/python3 src/draw.py cairo.pdf

for name in chromium chromium-de; do
	chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer \
		--user-data-dir="$tmp/chromium" --print-to-pdf="$name.pdf" "file://$PWD/src/$name.html" >/dev/null 2>&1
done

soffice="soffice -env:UserInstallation=file://$tmp/lo --headless"
$soffice --convert-to odt:writer8 --outdir "$tmp" --infilter="HTML (StarWriter)" src/libreoffice.html >/dev/null 2>&1
$soffice --convert-to pdf:writer_pdf_Export --outdir . "$tmp/libreoffice.odt" >/dev/null 2>&1
$soffice --convert-to docx:"MS Word 2007 XML" --outdir . "$tmp/libreoffice.odt" >/dev/null 2>&1

(cd src/handmade-docx && rm -f ../../handmade.docx && zip -q -X -r ../../handmade.docx '[Content_Types].xml' _rels word)

iconv -f UTF-8 -t CP1252 src/plain.txt >windows1252.txt
iconv -f UTF-8 -t UTF-16LE src/plain.txt | { printf '\377\376'; cat; } >utf16.txt
