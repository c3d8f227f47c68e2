"""A small reader of the PNGs that umbra --screenshot writes: 8-bit RGB, no interlace."""
import struct
import zlib


class Picture:
    def __init__(self, path):
        data = open(path, "rb").read()
        assert data[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG"
        at, packed = 8, b""
        while at < len(data):
            size, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + size]
            if kind == b"IHDR":
                self.width, self.height, depth, colour = struct.unpack(">IIBB", body[:10])
                assert depth == 8 and colour in (2, 6), "RGB with 8 bits expected"
                self.channels = 3 if colour == 2 else 4
            elif kind == b"IDAT":
                packed += body
            at += size + 12
        self.rows = self._unfilter(zlib.decompress(packed))

    def _unfilter(self, raw):
        n, step = self.channels, self.width * self.channels
        rows, above = [], bytearray(step)
        for y in range(self.height):
            start = y * (step + 1)
            kind, row = raw[start], bytearray(raw[start + 1:start + 1 + step])
            if kind:
                for i in range(step):
                    left = row[i - n] if i >= n else 0
                    up = above[i]
                    corner = above[i - n] if i >= n else 0
                    if kind == 1:
                        add = left
                    elif kind == 2:
                        add = up
                    elif kind == 3:
                        add = (left + up) // 2
                    else:
                        p = left + up - corner
                        add = min((abs(p - left), 0, left), (abs(p - up), 1, up),
                                  (abs(p - corner), 2, corner))[2]
                    row[i] = (row[i] + add) & 255
            rows.append(row)
            above = row
        return rows

    def pixel(self, x, y):
        return tuple(self.rows[y][x * self.channels:x * self.channels + 3])

    def samples(self, step=4):
        for y in range(0, self.height, step):
            for x in range(0, self.width, step):
                yield self.pixel(x, y)

    def share(self, test, step=4):
        """Which share (0..1) of sampled pixels passes test(r, g, b)."""
        hits = total = 0
        for r, g, b in self.samples(step):
            hits += bool(test(r, g, b))
            total += 1
        return hits / total

    def colours(self, step=4):
        return len(set(self.samples(step)))
