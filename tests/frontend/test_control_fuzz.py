#!/usr/bin/env python3
"""Throws malformed and random requests at the control socket, from several clients at once: no crash, no sanitizer report, no hang;
afterwards a well-behaved client is served.

    test_control_fuzz.py BUILD SOURCE [--seconds N] [--seed N]      (or UMBRA_FUZZ_SECONDS, UMBRA_FUZZ_SEED)"""
import json
import socket
import time

import fuzzing

options = fuzzing.options()
rnd = options.rnd

LINES = """help|help break|pause|continue|step|step 3|step 1000000|over|out|until 0x7c00|until on int 0x10|until on port 0x3f8 out|status|power
regs|regs all|regs eax xmm0 st0|set eax 1|set ds 0x40|set cs 8|set cr0 0x80000011|set eflags 0x202|set eip 0x7c00|set xmm0 0|set cr3 0x1000
set esp 0|mem read 0x7c00 64|mem read phys:0xfffffff0 4096|mem read 0xffffffff 4096|mem read cs:ip 16|mem read ffff:ffff 64|mem
mem write 0x500 90 90|mem write phys:0xf0000 "text:hello"|mem write 0xffffffff 0011|eval eax + 1|eval dword [ss:esp+4] & 0xFFF|eval ((((1))))
eval 1/0|eval byte [0xffffffff]|eval 'A'|eval @nosuch|eval 1 << 99|eval -9223372036854775807/-1|eval [[[[eax]]]]|disas|disas pc 200|disas 0xffffffff 200 16
disas 0 20 32|stack|stack 256|walk 0x7c00|walk cs:0|walk 0xffffffff|walk phys:0xfffffffff|gdt|gdt 8|ldt|idt|idt 0x10|tss|history 50|history 5120
history blocks on|history blocks off|devices|devices vga|devices ide|devices uart 2|devices dma8237|dma|dma log|dma log 256|dma log denied
screen|screenshot|screenshot /no/where.png|type a|type {until zzz}|type help\\n|type {wait 1}b|drive list|drive eject fda|drive change fda x|drive eject cdrom force
stats|list|break 0x7c00|break 0x7c00 if eax == 3|break pc ignore 3 if ax > 0|break 0010:0100|break phys:0x7c00|break cs:eip|watch 0x500 4 rw|watch phys:0x46c 4
watch 0xfffffff0 4294967295 rw if value == 3|watch 0 0x80000000|break on port 0x3f8-0x3ff out if value == 65|break on int|break on exception #PF PF 14
break on interrupt 8 if 1|break on mode|break on cr3|break on dma|break on iret|delete all|delete 1|delete 1 2 3|enable all|disable all|disable 1
condition 1 eax == 4|condition 1|condition 1 byte [0xffffffff]|ignore 1 100000|wait|wait 1|reset|symbols|symbols load x|symbols eax|break main.c:1""".replace("\n", "|").split("|")

JSON = [b'{"id":1,"verb":"status"}', b'{"verb":"mem read","args":["0x7c00",16]}', b'{"id":"x","line":"regs"}', b'{"id":null,"line":"help"}', b"[]", b"{}",
        b"null", b'"', b'{"verb":', b'{"verb":"\\u0000"}', b'{"verb":"\\ud800"}', b'{"id":1e999,"verb":"status"}', b'{"id":99999999999999999999,"verb":"status"}',
        b'{"verb":"step","args":[-1]}', b'{"verb":"step","args":[18446744073709551615]}', b'{"verb":"regs","args":["' + b"a" * 9000 + b'"]}',
        b'{"verb":"eval","args":["' + b"-" * 4000 + b'1"]}', b'{"line":"' + b"x " * 4000 + b'"}', b"[" * 3000, b'{"a":' * 3000, b"\xff\xfe{}", b"\0\0\0"]


BREAKERS = [b"0xffffffff", b"99999999999999999999", b" ", b"-1", b"[", b"]", b":", b"if ", b'"', b"\\", b"eax", b"phys:", b"{"]


def mutate(data):
    inserts = BREAKERS + [rnd.choice(LINES).encode()]
    return fuzzing.mutate(rnd, data, inserts, rnd.choice([0, 0, 1, 1, 2, 4]))


def request():
    kind = rnd.randrange(10)
    if kind == 0:
        return bytes(rnd.choices(range(256), k=rnd.randrange(1, 400)))
    if kind == 1:
        return mutate(rnd.choice(JSON))
    line = rnd.choice(LINES)
    if kind < 6:
        line = mutate(line.encode()).decode(errors="replace")
    if "quit" in line.lower():
        return b"{}"
    if kind % 2:
        return json.dumps({"id": rnd.randrange(9), "line": line}).encode()
    words = line.split()
    verb = " ".join(words[:1 if rnd.random() < 0.6 else 2])
    return json.dumps({"id": rnd.randrange(9), "verb": verb, "args": words[len(verb.split()):]}).encode()


def bother(u, clients):
    """A turn of one client: a new one, some requests, perhaps its end."""
    if not clients or (len(clients) < 6 and rnd.random() < 0.2):
        s = u.connect()
        if not s:
            return
        s.settimeout(5)
        clients.append(s)
    s = rnd.choice(clients)
    try:
        for _ in range(rnd.randrange(1, 12)):
            s.sendall(request() + (b"\n" if rnd.random() < 0.95 else b""))
            if rnd.random() < 0.8 and not fuzzing.drain(s):
                raise ConnectionError
        if rnd.random() < 0.05:
            s.sendall(b"x" * 300000)
        if rnd.random() < 0.1:
            s.shutdown(rnd.choice([socket.SHUT_WR, socket.SHUT_RDWR]))
            raise ConnectionError
        if rnd.random() < 0.1:
            raise ConnectionError
    except OSError:  # it was told to go, or went
        s.close()
        clients.remove(s)


def behave(u):
    """True: served. False: the run has ended."""
    s = u.connect()
    if not s:
        return False
    f = s.makefile("rb")
    try:
        for id, line in enumerate(["pause", "regs", "mem read phys:0 16", "delete all", "continue"]):
            s.sendall(json.dumps({"id": id, "line": line}).encode() + b"\n")
            while True:
                raw = f.readline()
                if not raw:
                    raise ConnectionError("no answer")
                answer = json.loads(raw)
                if "id" in answer:
                    break
            if answer.get("error") == "the run has ended":
                raise ConnectionError("ended")
            if answer["id"] != id or (line == "regs" and len(answer["result"]) < 50):
                u.fail(f"a strange answer to {line}: {answer}")
        return True
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError):
            u.fail(f"not JSON: {raw[:500]}")
        u.has_ended(f"a good client is not served: {error}")
        return False
    finally:
        f.close()
        s.close()


u, clients, turns, served, restarts = fuzzing.Umbra(options, "--control"), [], 0, 0, 0
end = time.time() + options.seconds
while time.time() < end:
    bother(u, clients)
    turns += 1
    alive = u.check()
    if alive and turns % 50 == 0:
        alive = behave(u)
        served += alive
    if not alive:
        restarts += 1
        for s in clients:
            s.close()
        u, clients = fuzzing.Umbra(options, "--control"), []
for s in clients:
    s.close()
if not behave(u):
    u = fuzzing.Umbra(options, "--control")
    behave(u)
u.end()
print(f"{turns} turns, {served} good clients served, {restarts} guests ended by what was done to them")
