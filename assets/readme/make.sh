#!/bin/sh
# Records the rehearsal as the README shows it: assets/readme/rehearsal.gif. It
# needs Xvfb, xdotool, import and convert (ImageMagick) and gifsicle, and
# a machine that has nothing else to do for a minute.
#
#   assets/readme/make.sh [PROGRAM]    the built program; bin/interview-copilot
set -eu
cd "$(dirname "$0")/../.."
program=$(realpath "${1:-bin/interview-copilot}")
from=38400ms # of the recording: just before a question of three parts
seconds=14
each=0.2      # seconds a picture is shown
width=560 height=460

work=$(mktemp -d)
started=
stop() {
	for pid in $started; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap stop EXIT INT TERM

Xvfb -displayfd 3 -screen 0 "${width}x${height}x24" -nolisten tcp 3>"$work/display" 2>"$work/log" &
started=$!
until [ -s "$work/display" ]; do sleep 0.1; done
export DISPLAY=":$(cat "$work/display")" HOME="$work" XDG_CONFIG_HOME="$work/config" DBUS_SESSION_BUS_ADDRESS="unix:path=$work/nobody"
mkdir -p "$work/config/interview-copilot"
cat >"$work/config/interview-copilot/settings.json" <<END
{"notice_seen":true,"mode":"rehearsal","language":"en","automatic_answers":true,"text_size":19,"theme":"dark","opacity":1,
 "always_on_top":false,"keep_interviews":"never","no_update_check":true}
END
"$program" rehearse --from $from 2>>"$work/log" &
started="$started $!"
window=$(timeout 30 xdotool search --sync --onlyvisible --name "Interview Copilot" | head -n 1)
xdotool windowsize "$window" $width $height windowmove "$window" 0 0

# Pictures are taken as fast as it goes and named by their time, so that the film
# runs as fast as the interview did.
begin=$(date +%s%N)
while now=$((($(date +%s%N) - begin) / 1000000)); [ $now -lt $((seconds * 1000)) ]; do
	import -window root "$work/$(printf %06d $now).png"
done
delay=$(echo "$each * 100 / 1" | bc)
frames= last=
for at in $(seq 0 "$(echo "$each * 1000 / 1" | bc)" $((seconds * 1000))); do
	for picture in "$work"/0*.png; do # the newest one at this time
		[ "$(basename "$picture" .png | sed 's/^0*//')" -gt "$at" ] 2>/dev/null && break
		last=$picture
	done
	frames="$frames $last"
done
# Few colours and no dithering: text on a plain ground.
# shellcheck disable=SC2086
convert -delay "$delay" -loop 0 $frames +dither -colors 48 "$work/film.gif"
gifsicle -O3 --no-warnings "$work/film.gif" -o assets/readme/rehearsal.gif
ls -l assets/readme/rehearsal.gif
