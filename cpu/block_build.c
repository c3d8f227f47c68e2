/* cpu/block_build.c: makes blocks from guest bytes. */
#include "cpu/block_cache.h"

#include "cpu/access.h"
#include "cpu/exception.h"

static void add_sentinel(struct insn *at, unsigned bytes)
{
    *at = (struct insn){
        .run = op_block_end, .offset = (uint16_t)bytes, .base = REG_NONE, .index = REG_NONE};
}

/* One instruction fetched byte by byte: where code lies in MMIO, or reaches the code limit, or
 * wraps (8086, 186). Never kept. */
struct block *block_uncached(struct vcpu *c, uint32_t eip)
{
    struct block_cache *cache = c->blocks;
    struct block *b = (struct block *)cache->uncached;
    uint8_t bytes[INSN_MAX_LEN + 1];
    enum decode_status status = DECODE_MORE;
    for (unsigned n = 0; status == DECODE_MORE && n < sizeof bytes; n++) {
        uint32_t at = eip + n;
        if (at >= c->code_len) {
            if (c->model > CPU_186)
                cpu_raise_error(c, VEC_GP, 0);
            at &= 0xFFFF;
        }
        bytes[n] = access_fetch(c, (uint32_t)c->seg[SEG_CS].base + at);
        status = decode_insn(&cache->decoder, bytes, n + 1, c->code32, &b->insns[0]);
    }
    memset(b, 0, sizeof *b);
    b->jump_key = JUMP_KEY_NONE;
    b->count = 1;
    b->bytes = b->insns[0].len;
    add_sentinel(&b->insns[1], b->bytes);
    return b;
}

/* Decodes into cache->building what lies in one page and before its next split. Returns the
 * instructions, *bytes their length; 0 when the first does not end there. */
static unsigned decode_run(struct block_cache *cache, const struct block_source *s, uint64_t room,
                           const struct code_page *page, unsigned *bytes)
{
    unsigned max = s->mode & BLOCK_SINGLE ? 1 : BLOCK_MAX_INSNS, n = 0, pos = 0;
    while (n < max && !(n && code_page_is_split(page, s->offset + pos))) {
        struct insn *i = &cache->building[n];
        enum decode_status status =
            decode_insn(&cache->decoder, s->host + pos, room - pos, s->mode & BLOCK_CODE32, i);
        if (status == DECODE_MORE)
            break;
        i->offset = (uint16_t)pos;
        pos += i->len;
        n++;
        if (status != DECODE_OK || (opcode_row(i->op)->attrs & ENDS))
            break;
    }
    *bytes = pos;
    return n;
}

/* The instruction at s, which reaches into the next page: 1, or 0 when it must be fetched
 * uncached. *offset2 is the second page's. */
static unsigned decode_crossing(struct vcpu *c, const struct block_source *s, unsigned *bytes,
                                uint64_t *offset2)
{
    uint8_t buf[INSN_MAX_LEN];
    unsigned first = (unsigned)(PAGE_SIZE - (s->gva & PAGE_MASK));
    uint64_t limit = c->code_len - s->eip;
    unsigned all = limit < sizeof buf ? (unsigned)limit : (unsigned)sizeof buf;
    const uint8_t *host2;
    if (first >= all || !access_code_page(c, s->gva + first, &host2, offset2))
        return 0;
    host2 -= (uintptr_t)host2 & PAGE_MASK;
    *offset2 = align_down(*offset2, PAGE_SIZE);
    memcpy(buf, s->host, first);
    memcpy(buf + first, host2, all - first);
    struct insn *i = &c->blocks->building[0];
    enum decode_status status =
        decode_insn(&c->blocks->decoder, buf, all, s->mode & BLOCK_CODE32, i);
    if (status == DECODE_MORE)
        return 0;
    i->offset = 0;
    *bytes = i->len;
    return 1;
}

/* Puts b into page's list and bitmap; false when the host is out of memory. */
static bool page_add(struct block_cache *cache, struct block *b, uint64_t page)
{
    struct code_page *p = code_page_get(cache, page);
    if (!p)
        return false;
    code_page_add(p, b);
    b->rewritten |= p->rewrites >= REWRITTEN_OFTEN;
    p->idle = 0;
    return true;
}

struct block *block_build(struct vcpu *c, const struct block_source *s)
{
    struct block_cache *cache = c->blocks;
    uint64_t page_room = PAGE_SIZE - (s->gva & PAGE_MASK), limit = c->code_len - s->eip;
    unsigned bytes;
    uint64_t offset2 = NO_BACKING;
    const struct code_page *page = c->stops ? code_page_find(cache, s->offset >> PAGE_SHIFT) : NULL;
    unsigned n = decode_run(cache, s, page_room < limit ? page_room : limit, page, &bytes);
    bool stops = code_page_is_split(page, s->offset);
    if (!n && limit > page_room)
        n = decode_crossing(c, s, &bytes, &offset2);
    if (!n || offset2 == align_down(s->offset, PAGE_SIZE)) /* or a page that follows itself */
        return block_uncached(c, s->eip);
    struct block *b = block_alloc(cache, n + 1);
    memcpy(b->insns, cache->building, n * sizeof b->insns[0]);
    add_sentinel(&b->insns[n], bytes);
    b->count = (uint16_t)n;
    b->bytes = bytes;
    b->mode = (uint8_t)s->mode;
    b->offset = s->offset;
    b->offset2 = offset2;
    b->stops = stops;
    b->crosses = (s->offset & PAGE_MASK) + bytes > PAGE_SIZE;
    if (!page_add(cache, b, b->offset >> PAGE_SHIFT))
        return block_uncached(c, s->eip);
    struct block_chain *chain = block_hash_chain(cache, b->offset, b->mode);
    b->hash_next = chain->first;
    chain->first = b;
    chain->kinds |= block_kind(b->offset, b->mode);
    b->live = true;
    if (b->crosses && !page_add(cache, b, b->offset2 >> PAGE_SHIFT)) {
        b->crosses = false; /* so that only the first page's list is searched */
        block_drop(cache, b);
        return block_uncached(c, s->eip);
    }
    cache->counters.built++;
    return b;
}
