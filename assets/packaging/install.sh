#!/bin/sh
# Installs Interview Copilot for you alone, or takes it away again.
# usage: ./install.sh [--remove]      PREFIX=/usr/local ./install.sh   for everybody
set -eu
cd "$(dirname "$0")"
prefix=${PREFIX:-$HOME/.local}
if [ "${1:-}" = --remove ]; then
	find bin share -type f | while read -r f; do rm -f "$prefix/$f"; done
	echo "Removed from $prefix. Your settings stay in ~/.config/interview-copilot."
	exit 0
fi
find bin share -type f | while read -r f; do
	mode=644
	[ -x "$f" ] && mode=755
	mkdir -p "$prefix/$(dirname "$f")"
	install -m "$mode" "$f" "$prefix/$f"
done
# A desktop finds programs by their path when ~/.local/bin is not searched.
desktop=$prefix/share/applications/app.interviewcopilot.desktop.desktop
sed "s|^Exec=interview-copilot|Exec=\"$prefix/bin/interview-copilot\"|" "$desktop" >"$desktop.new"
mv "$desktop.new" "$desktop"
echo "Installed in $prefix. Start it from the menu, or with $prefix/bin/interview-copilot."
missing=$(ldd "$prefix/bin/interview-copilot" | sed -n 's/ => not found//p')
[ -z "$missing" ] || echo "These libraries are missing; please install them:" $missing
