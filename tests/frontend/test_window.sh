#!/bin/sh
# Closing the window: the run ends with status 0, and what the guest wrote is in the image file.
umbra=$1/umbra
for tool in Xvfb xdotool python3; do
    command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
dir=$(mktemp -d) || exit 1
xvfb=
trap '[ -z "$xvfb" ] || kill $xvfb; rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
# A boot sector that writes itself to the next sector (INT 13h AH=03h), says W, then halts.
printf '\372\061\300\216\330\216\300\373\273\000\174\270\001\003\271\002\000\272\000\000\315\023\260\127\346\351\364\353\375' >"$dir/disk"
head -c 481 /dev/zero >>"$dir/disk"
printf '\125\252' >>"$dir/disk"
head -c 1474048 /dev/zero >>"$dir/disk"
# -noreset: xdotool, when it is the last to go, would have the server throw out who just comes.
Xvfb -displayfd 3 -screen 0 1024x768x24 -noreset 3>"$dir/display" 2>/dev/null &
xvfb=$!
for i in $(seq 120); do
    [ -s "$dir/display" ] && break
    sleep 0.5
done
[ -s "$dir/display" ] || { echo "SKIP: Xvfb does not start"; exit 77; }
DISPLAY=:$(tr -d "\n " <"$dir/display")
# The desktop's own libraries (drivers, D-Bus) leak at exit, from modules that are unloaded by then, so
# that no suppression can name them: in sanitizer builds this test does not look for leaks.
export ASAN_OPTIONS=detect_leaks=0
export DISPLAY SDL_VIDEODRIVER=x11 SDL_AUDIODRIVER=dummy
"$umbra" run --display sdl --timeout 600 --fda "$dir/disk" >/dev/null 2>"$dir/err" &
pid=$!
window=
for i in $(seq 240); do
    kill -0 $pid 2>/dev/null || break
    window=$(xdotool search --name '^disk ' 2>/dev/null | head -n 1)
    [ -n "$window" ] && grep -q W "$dir/err" && break
    sleep 0.5
done
kill -0 $pid 2>/dev/null || { cat "$dir/err"; grep -q 'this build has no window' "$dir/err" && exit 77; fail "it ended by itself"; }
[ -n "$window" ] || fail "no window"
# What a window manager sends for its close button: xdotool of Debian 12 cannot.
python3 - "$window" <<'PY' || fail "cannot ask the window to close"
import ctypes, sys
x = ctypes.CDLL("libX11.so.6")
L, P = ctypes.c_long, ctypes.c_void_p
class Message(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", L), ("send", ctypes.c_int), ("display", P),
                ("window", L), ("kind", L), ("format", ctypes.c_int), ("data", L * 5),
                ("room", L * 24)]
x.XOpenDisplay.restype = P
x.XInternAtom.restype = L
x.XInternAtom.argtypes = [P, ctypes.c_char_p, ctypes.c_int]
x.XSendEvent.argtypes = [P, L, ctypes.c_int, L, P]
x.XCloseDisplay.argtypes = [P]
d, w = x.XOpenDisplay(None), int(sys.argv[1])
m = Message(33, 0, 1, d, w, x.XInternAtom(d, b"WM_PROTOCOLS", 0), 32)
m.data[0] = x.XInternAtom(d, b"WM_DELETE_WINDOW", 0)
x.XSendEvent(d, w, 0, 0, ctypes.byref(m))
x.XCloseDisplay(d)
PY
for i in $(seq 240); do
    kill -0 $pid 2>/dev/null || break
    sleep 0.5
done
kill -0 $pid 2>/dev/null && { kill $pid; fail "the window is closed and it runs on"; }
wait $pid
status=$?
[ $status -eq 0 ] || fail "exit $status: $(cat "$dir/err")"
[ "$(dd if="$dir/disk" bs=512 count=1 skip=1 2>/dev/null | cksum)" = "$(head -c 512 "$dir/disk" | cksum)" ] ||
    fail "what the guest wrote is not in the file"
echo ok
