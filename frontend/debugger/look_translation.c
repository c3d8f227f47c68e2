/* frontend/debugger/look_translation.c: the unit of translated code at an address; or, when the
 * interpreter runs the guest, the block that it would run. */
#include "cpu/block.h"
#include "frontend/debugger/look.h"
#include "partition/registers.h"
#include "translator/translator.h"

/* From the last instruction back: a flag is live when something behind reads it before it is
 * written. At a unit's end all are: nobody knows who comes. */
static void find_live(struct view_translation *out)
{
    uint16_t live = FLAGS_ARITH;
    for (unsigned n = out->count; n-- > 0;) {
        struct view_unit_insn *i = &out->insn[n];
        i->live = i->writes & live;
        live = (uint16_t)((live & ~i->writes) | i->reads);
    }
}

static void take_insn(struct partition *p, const struct insn *i, uint32_t at,
                      struct view_unit_insn *out)
{
    const struct opcode *row = opcode_row(i->op);
    *out = (struct view_unit_insn){
        .address = at, .length = i->len, .reads = row->reads, .writes = row->writes};
    debug_read(partition_debug(p), at, out->bytes, i->len < 15 ? i->len : 15);
}

/* --- Translated ------------------------------------------------------------------------------- */

static const struct unit *unit_with(const struct translator *t, uint32_t at)
{
    const struct unit *found = NULL;
    for (uint32_t n = 0; n < t->by_address_count; n++) {
        const struct unit *u = t->by_address[n].unit;
        if (!u || u->dead || at < u->gva || at >= u->gva + unit_guest_bytes(u))
            continue;
        if (u->gva == at)
            return u;
        found = u;
    }
    return found;
}

static void take_unit(struct partition *p, const struct unit *u, struct view_translation *out)
{
    out->found = true;
    out->start = u->gva;
    out->code32 = u->key & KEY_CODE32;
    out->host_address = (uint64_t)(uintptr_t)u->start;
    out->host_len = u->size < VIEW_HOST_BYTES ? u->size : VIEW_HOST_BYTES;
    out->hot_len = u->hot_size < out->host_len ? u->hot_size : out->host_len;
    out->entry = (uint32_t)(u->entry - u->start);
    memcpy(out->host, u->start, out->host_len);
    for (unsigned n = 0; n < u->insns && n < VIEW_UNIT_INSNS; n++) {
        const struct unit_insn *i = &u->insn[n];
        struct view_unit_insn *to = &out->insn[out->count++];
        take_insn(p, i->insn, u->gva + i->at, to);
        to->host = i->host;
        to->host_end = i->resume;
        to->soft = i->soft;
    }
    for (unsigned n = 0; n < u->links && n < ARRAY_LEN(out->link); n++) {
        out->link[n].eip = u->link[n].eip;
        out->link[n].linked = u->link[n].to != NULL;
        out->link_count++;
    }
}

/* --- Not translated --------------------------------------------------------------------------- */

static void take_block(struct partition *p, uint32_t at, struct view_translation *out)
{
    struct vcpu *c = partition_vcpu(p);
    out->start = at;
    out->code32 = c->code32;
    while (out->count < BLOCK_MAX_INSNS) {
        uint8_t bytes[INSN_MAX_LEN];
        struct insn i;
        size_t len = debug_read(partition_debug(p), at, bytes, sizeof bytes);
        if (decode_insn(block_cache_decoder(c->blocks), bytes, len, c->code32, &i) != DECODE_OK)
            return;
        take_insn(p, &i, at, &out->insn[out->count++]);
        at += i.len;
        if (opcode_row(i.op)->attrs & ENDS || (at & PAGE_MASK) < i.len)
            return;
    }
}

void look_at_translation(struct partition *p, const struct view_request *r,
                         struct view_translation *out)
{
    struct vcpu *c = partition_vcpu(p);
    const struct translator *t = c->translated.translator;
    const struct unit *u = t ? unit_with(t, r->translation_at) : NULL;
    out->engine = t ? "translate" : "interp";
    out->at = r->translation_at;
    out->found = false;
    out->count = out->link_count = out->host_len = out->hot_len = 0;
    if (u)
        take_unit(p, u, out);
    else
        take_block(p, r->translation_at, out);
    find_live(out);
}
