#!/bin/sh
# Draws the PNG icons from their SVG sources.
#
#	apt-get install librsvg2-bin
set -eu
cd "$(dirname "$0")"
rsvg-convert -w 512 -h 512 app.svg -o app.png
rsvg-convert -w 64 -h 64 tray-light.svg -o tray-light.png
rsvg-convert -w 64 -h 64 tray-dark.svg -o tray-dark.png
