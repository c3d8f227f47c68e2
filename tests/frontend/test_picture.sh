#!/bin/sh
# What a guest draws comes to its window whole, also when it draws faster than the window is drawn:
# with --clock insns the picture is looked at far more often than it is shown.
umbra=$1/umbra
for tool in Xvfb xdotool import; do
    command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
dir=$(mktemp -d) || exit 1
xvfb= pid=
trap '[ -z "$pid" ] || kill $pid 2>/dev/null; [ -z "$xvfb" ] || kill $xvfb; rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
# A boot sector: mode 13h, then row after row becomes white, 21 ms of virtual time each; says W, halts.
#   mov ax,13h / int 10h / mov ax,A000h / mov es,ax / xor di,di / mov bx,200
#   1: mov ax,0F0Fh / mov cx,160 / rep stosw / mov ecx,100000h / 2: dec ecx / jnz 2b / dec bx / jnz 1b
#   mov al,'W' / out E9h,al / 3: hlt / jmp 3b
{
    printf '\270\023\000\315\020\270\000\240\216\300\061\377\273\310\000'
    printf '\270\017\017\271\240\000\363\253\146\271\000\000\020\000\146\111\165\374\113\165\353'
    printf '\260\127\346\351\364\353\375'
    head -c 467 /dev/zero
    printf '\125\252'
} >"$dir/white"
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
"$umbra" run --display sdl --clock insns --timeout 600 "$dir/white" >/dev/null 2>"$dir/err" &
pid=$!
for i in $(seq 480); do
    kill -0 $pid 2>/dev/null || break
    grep -q W "$dir/err" && break
    sleep 0.5
done
kill -0 $pid 2>/dev/null || { cat "$dir/err"; grep -q -e 'no window' -e 'not built' "$dir/err" && exit 77; fail "it ended by itself"; }
for i in $(seq 60); do
    window=$(xdotool search --name '^white ' 2>/dev/null | head -n 1)
    [ -n "$window" ] && import -window "$window" -depth 8 gray:"$dir/picture"
    # All white: without these bytes nothing is left.
    [ -s "$dir/picture" ] && [ "$(tr -d '\377' <"$dir/picture" | wc -c)" -eq 0 ] && { echo ok; exit 0; }
    sleep 0.5
done
[ -s "$dir/picture" ] || fail "no window"
fail "$(tr -d '\377' <"$dir/picture" | wc -c) of $(wc -c <"$dir/picture") pixels are not white"
