#!/bin/sh
# A window whose X server does not answer holds nobody up but itself: the guest goes on, and the
# picture is there again when the server is.
umbra=$1/umbra
for tool in Xvfb xdotool import; do
    command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
dir=$(mktemp -d) || exit 1
xvfb= pid=
trap '[ -z "$xvfb" ] || kill -CONT $xvfb; [ -z "$pid" ] || kill $pid 2>/dev/null; [ -z "$xvfb" ] || kill $xvfb; rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
# A boot sector that says a line to the debug console, some twenty times a second, and changes the picture.
#   mov ax,B800h / mov es,ax
#   1: mov al,'x' / out E9h,al / mov al,10 / out E9h,al / es inc byte [0]
#   mov ecx,1000000h / 2: dec ecx / jnz 2b / jmp 1b
{
    printf '\270\000\270\216\300'
    printf '\260\170\346\351\260\012\346\351\046\376\006\000\000'
    printf '\146\271\000\000\000\001\146\111\165\374\353\345'
    head -c 480 /dev/zero
    printf '\125\252'
} >"$dir/talker"
Xvfb -displayfd 3 -screen 0 1024x768x24 -noreset 3>"$dir/display" 2>/dev/null &
xvfb=$!
for i in $(seq 120); do
    [ -s "$dir/display" ] && break
    sleep 0.5
done
[ -s "$dir/display" ] || { echo "SKIP: Xvfb does not start"; exit 77; }
DISPLAY=:$(tr -d "\n " <"$dir/display")
export ASAN_OPTIONS=detect_leaks=0 # see test_window.sh
export DISPLAY SDL_VIDEODRIVER=x11 SDL_AUDIODRIVER=dummy
"$umbra" run --display sdl --timeout 600 "$dir/talker" >/dev/null 2>"$dir/err" &
pid=$!
lines() { grep -c 'x$' "$dir/err"; }
# said N: until the guest has said N lines.
said() {
    for i in $(seq 240); do
        kill -0 $pid 2>/dev/null || return 1
        [ "$(lines)" -ge "$1" ] && return 0
        sleep 0.5
    done
    return 1
}
said 1 || { cat "$dir/err"; grep -q -e 'no window' -e 'not built' "$dir/err" && exit 77; fail "it says nothing"; }
for i in $(seq 60); do
    window=$(xdotool search --name '^talker ' 2>/dev/null | head -n 1)
    [ -n "$window" ] && import -window "$window" "$dir/picture.png" 2>/dev/null && break
    sleep 0.5
done
[ -s "$dir/picture.png" ] || fail "no window"
kill -STOP $xvfb
sleep 1 # it has something to show by now, and cannot
before=$(lines)
said $((before + 20)) || fail "the guest waits for its window: $(lines) lines, $before when the server stopped"
kill -CONT $xvfb
import -window "$window" "$dir/later.png" || fail "no window any more"
kill $pid
for i in $(seq 60); do
    kill -0 $pid 2>/dev/null || { echo ok; exit 0; }
    sleep 0.5
done
fail "it does not end"
