/* translator/x86_64/forms.c: which row of the opcode table is emitted how. What is not named here
 * is LOWER_HELP: fpu.c emits it if it is x87, MMX or SSE; else it is run by a function of
 * translator/narrow_*.c or by its handler. So this table may grow one row at a time. */
#include "translator/x86_64/emit.h"

#include "translator/narrow.h"

#define ALU_WRITES(n)                                                       \
    [OPROW_##n##_eb_gb] = LOWER_UPDATE, [OPROW_##n##_ev_gv] = LOWER_UPDATE, \
    [OPROW_##n##_gb_eb] = LOWER_READ, [OPROW_##n##_gv_ev] = LOWER_READ,     \
    [OPROW_##n##_al_ib] = LOWER_NONE, [OPROW_##n##_eax_iv] = LOWER_NONE,    \
    [OPROW_##n##_eb_ib] = LOWER_UPDATE, [OPROW_##n##_ev_iv] = LOWER_UPDATE, \
    [OPROW_##n##_eb_ib_82] = LOWER_UPDATE, [OPROW_##n##_ev_ib] = LOWER_UPDATE

#define SHIFTS(n)                                                           \
    [OPROW_##n##_eb_ib] = LOWER_UPDATE, [OPROW_##n##_ev_ib] = LOWER_UPDATE, \
    [OPROW_##n##_eb_1] = LOWER_UPDATE, [OPROW_##n##_ev_1] = LOWER_UPDATE,   \
    [OPROW_##n##_eb_cl] = LOWER_UPDATE, [OPROW_##n##_ev_cl] = LOWER_UPDATE

#define CONDITION(cc)                                             \
    [OPROW_set##cc] = LOWER_WRITE, [OPROW_cmov##cc] = LOWER_READ, \
    [OPROW_j##cc##_jb] = LOWER_BRANCH, [OPROW_j##cc##_jv] = LOWER_BRANCH

static const uint8_t table[OPCODE_ROWS] = {
    ALU_WRITES(add),
    ALU_WRITES(or),
    ALU_WRITES(adc),
    ALU_WRITES(sbb),
    ALU_WRITES(and),
    ALU_WRITES(sub),
    ALU_WRITES(xor),
    [OPROW_cmp_eb_gb] = LOWER_READ,
    [OPROW_cmp_ev_gv] = LOWER_READ,
    [OPROW_cmp_gb_eb] = LOWER_READ,
    [OPROW_cmp_gv_ev] = LOWER_READ,
    [OPROW_cmp_al_ib] = LOWER_NONE,
    [OPROW_cmp_eax_iv] = LOWER_NONE,
    [OPROW_cmp_eb_ib] = LOWER_READ,
    [OPROW_cmp_ev_iv] = LOWER_READ,
    [OPROW_cmp_eb_ib_82] = LOWER_READ,
    [OPROW_cmp_ev_ib] = LOWER_READ,
    [OPROW_inc_zv] = LOWER_OWN,
    [OPROW_dec_zv] = LOWER_OWN,
    [OPROW_inc_eb] = LOWER_UPDATE,
    [OPROW_inc_ev] = LOWER_UPDATE,
    [OPROW_dec_eb] = LOWER_UPDATE,
    [OPROW_dec_ev] = LOWER_UPDATE,
    [OPROW_test_eb_gb] = LOWER_READ,
    [OPROW_test_ev_gv] = LOWER_READ,
    [OPROW_test_al_ib] = LOWER_NONE,
    [OPROW_test_eax_iv] = LOWER_NONE,
    [OPROW_test_eb_ib] = LOWER_READ,
    [OPROW_test_ev_iv] = LOWER_READ,
    [OPROW_not_eb] = LOWER_UPDATE,
    [OPROW_not_ev] = LOWER_UPDATE,
    [OPROW_neg_eb] = LOWER_UPDATE,
    [OPROW_neg_ev] = LOWER_UPDATE,
    [OPROW_mul_eb] = LOWER_READ,
    [OPROW_mul_ev] = LOWER_READ,
    [OPROW_imul_eb] = LOWER_READ,
    [OPROW_imul_ev] = LOWER_READ,
    [OPROW_div_eb] = LOWER_READ,
    [OPROW_div_ev] = LOWER_READ,
    [OPROW_idiv_eb] = LOWER_READ,
    [OPROW_idiv_ev] = LOWER_READ,
    [OPROW_imul_gv_ev] = LOWER_READ,
    [OPROW_imul_gv_ev_iv] = LOWER_READ,
    [OPROW_imul_gv_ev_ib] = LOWER_READ,
    [OPROW_xchg_eb_gb] = LOWER_UPDATE,
    [OPROW_xchg_ev_gv] = LOWER_UPDATE,
    [OPROW_xchg_zv_eax] = LOWER_OWN,
    [OPROW_mov_eb_gb] = LOWER_WRITE,
    [OPROW_mov_ev_gv] = LOWER_WRITE,
    [OPROW_mov_gb_eb] = LOWER_READ,
    [OPROW_mov_gv_ev] = LOWER_READ,
    [OPROW_mov_eb_ib] = LOWER_WRITE,
    [OPROW_mov_ev_iv] = LOWER_WRITE,
    [OPROW_mov_zb_ib] = LOWER_OWN,
    [OPROW_mov_zv_iv] = LOWER_OWN,
    [OPROW_mov_al_ob] = LOWER_OWN,
    [OPROW_mov_eax_ov] = LOWER_OWN,
    [OPROW_mov_ob_al] = LOWER_OWN,
    [OPROW_mov_ov_eax] = LOWER_OWN,
    [OPROW_movzx_gv_eb] = LOWER_READ,
    [OPROW_movzx_gv_ew] = LOWER_READ,
    [OPROW_movsx_gv_eb] = LOWER_READ,
    [OPROW_movsx_gv_ew] = LOWER_READ,
    [OPROW_movnti] = LOWER_WRITE,
    [OPROW_lea] = LOWER_OWN,
    [OPROW_xlat] = LOWER_OWN,
    [OPROW_bswap] = LOWER_OWN,
    [OPROW_cbw] = LOWER_NONE,
    [OPROW_cwd] = LOWER_NONE,
    [OPROW_sahf] = LOWER_NONE,
    [OPROW_lahf] = LOWER_NONE,
    [OPROW_cmc] = LOWER_NONE,
    [OPROW_clc] = LOWER_NONE,
    [OPROW_stc] = LOWER_NONE,
    [OPROW_nop] = LOWER_OWN,
    [OPROW_pause] = LOWER_OWN,
    [OPROW_nop_18] = LOWER_OWN,
    [OPROW_nop_19] = LOWER_OWN,
    [OPROW_nop_1a] = LOWER_OWN,
    [OPROW_nop_1b] = LOWER_OWN,
    [OPROW_nop_1c] = LOWER_OWN,
    [OPROW_nop_1d] = LOWER_OWN,
    [OPROW_nop_1e] = LOWER_OWN,
    [OPROW_nop_1f] = LOWER_OWN,
    [OPROW_lfence] = LOWER_OWN, /* one vCPU sees its own accesses in order */
    [OPROW_mfence] = LOWER_OWN,
    [OPROW_sfence] = LOWER_OWN,
    [OPROW_prefetchnta] = LOWER_OWN,
    [OPROW_prefetcht0] = LOWER_OWN,
    [OPROW_prefetcht1] = LOWER_OWN,
    [OPROW_prefetcht2] = LOWER_OWN,
    SHIFTS(rol),
    SHIFTS(ror),
    SHIFTS(rcl),
    SHIFTS(rcr),
    SHIFTS(shl),
    SHIFTS(shl_6),
    SHIFTS(shr),
    SHIFTS(sar),
    [OPROW_shld_ib] = LOWER_UPDATE,
    [OPROW_shld_cl] = LOWER_UPDATE,
    [OPROW_shrd_ib] = LOWER_UPDATE,
    [OPROW_shrd_cl] = LOWER_UPDATE,
    [OPROW_bt_ev_ib] = LOWER_READ,
    [OPROW_bts_ev_ib] = LOWER_UPDATE,
    [OPROW_btr_ev_ib] = LOWER_UPDATE,
    [OPROW_btc_ev_ib] = LOWER_UPDATE,
    [OPROW_bt_ev_gv] = LOWER_OWN,
    [OPROW_bts_ev_gv] = LOWER_OWN,
    [OPROW_btr_ev_gv] = LOWER_OWN,
    [OPROW_btc_ev_gv] = LOWER_OWN,
    [OPROW_bsf] = LOWER_READ,
    [OPROW_bsr] = LOWER_READ,
    [OPROW_cmpxchg_eb_gb] = LOWER_UPDATE,
    [OPROW_cmpxchg_ev_gv] = LOWER_UPDATE,
    [OPROW_xadd_eb_gb] = LOWER_UPDATE,
    [OPROW_xadd_ev_gv] = LOWER_UPDATE,
    [OPROW_cmpxchg8b] = LOWER_UPDATE,
    CONDITION(o),
    CONDITION(no),
    CONDITION(b),
    CONDITION(ae),
    CONDITION(e),
    CONDITION(ne),
    CONDITION(be),
    CONDITION(a),
    CONDITION(s),
    CONDITION(ns),
    CONDITION(p),
    CONDITION(np),
    CONDITION(l),
    CONDITION(ge),
    CONDITION(le),
    CONDITION(g),
    [OPROW_jmp_jb] = LOWER_BRANCH,
    [OPROW_jmp_jv] = LOWER_BRANCH,
    [OPROW_jcxz] = LOWER_BRANCH,
    [OPROW_loop] = LOWER_BRANCH,
    [OPROW_loope] = LOWER_BRANCH,
    [OPROW_loopne] = LOWER_BRANCH,
    [OPROW_call_jv] = LOWER_BRANCH,
    [OPROW_call_ev] = LOWER_BRANCH,
    [OPROW_jmp_ev] = LOWER_BRANCH,
    [OPROW_ret] = LOWER_BRANCH,
    [OPROW_ret_iw] = LOWER_BRANCH,
    [OPROW_push_zv] = LOWER_OWN,
    [OPROW_pop_zv] = LOWER_OWN,
    [OPROW_push_iv] = LOWER_OWN,
    [OPROW_push_ib] = LOWER_OWN,
    [OPROW_push_ev] = LOWER_OWN,
    [OPROW_push_ev_7] = LOWER_OWN,
    [OPROW_pop_ev] = LOWER_OWN,
    [OPROW_leave] = LOWER_OWN,
    [OPROW_pushf] = LOWER_OWN,
    [OPROW_cli] = LOWER_OWN,
    [OPROW_movsb] = LOWER_STRING,
    [OPROW_movsv] = LOWER_STRING,
    [OPROW_cmpsb] = LOWER_STRING,
    [OPROW_cmpsv] = LOWER_STRING,
    [OPROW_stosb] = LOWER_STRING,
    [OPROW_stosv] = LOWER_STRING,
    [OPROW_lodsb] = LOWER_STRING,
    [OPROW_lodsv] = LOWER_STRING,
    [OPROW_scasb] = LOWER_STRING,
    [OPROW_scasv] = LOWER_STRING,
    [OPROW_push_es] = LOWER_OWN,
    [OPROW_push_cs] = LOWER_OWN,
    [OPROW_push_ss] = LOWER_OWN,
    [OPROW_push_ds] = LOWER_OWN,
    [OPROW_push_fs] = LOWER_OWN,
    [OPROW_push_gs] = LOWER_OWN,
    [OPROW_mov_ew_s0] = LOWER_OWN,
    [OPROW_mov_ew_s1] = LOWER_OWN,
    [OPROW_mov_ew_s2] = LOWER_OWN,
    [OPROW_mov_ew_s3] = LOWER_OWN,
    [OPROW_mov_ew_s4] = LOWER_OWN,
    [OPROW_mov_ew_s5] = LOWER_OWN,
    /* These may change the mode, mask or unmask interrupts, or the address space. */
    [OPROW_mov_s0_ew] = LOWER_LEAVE,
    [OPROW_mov_s3_ew] = LOWER_LEAVE,
    [OPROW_mov_s4_ew] = LOWER_LEAVE,
    [OPROW_mov_s5_ew] = LOWER_LEAVE,
    [OPROW_mov_s1_ew] = LOWER_LEAVE,
    [OPROW_mov_s2_ew] = LOWER_LEAVE,
    [OPROW_pop_es] = LOWER_LEAVE,
    [OPROW_pop_ss] = LOWER_LEAVE,
    [OPROW_pop_ds] = LOWER_LEAVE,
    [OPROW_pop_fs] = LOWER_LEAVE,
    [OPROW_pop_gs] = LOWER_LEAVE,
    [OPROW_les] = LOWER_LEAVE,
    [OPROW_lds] = LOWER_LEAVE,
    [OPROW_lss] = LOWER_LEAVE,
    [OPROW_lfs] = LOWER_LEAVE,
    [OPROW_lgs] = LOWER_LEAVE,
    [OPROW_popf] = LOWER_LEAVE,
    [OPROW_sti] = LOWER_LEAVE,
    [OPROW_cld] = LOWER_LEAVE,
    [OPROW_std] = LOWER_LEAVE,
    [OPROW_mov_cd_rd] = LOWER_LEAVE,
    [OPROW_lmsw] = LOWER_LEAVE,
    [OPROW_invlpg] = LOWER_LEAVE,
};

enum lowering lowering_of(const struct unit *u, const struct insn *i)
{
    enum lowering how = (enum lowering)table[i->op];
    if (narrow_divide_for(i))
        return LOWER_HELP;
    if (i->op == (u->key & KEY_DF ? OPROW_std : OPROW_cld)) /* changes nothing */
        return LOWER_OWN;
    if (how == LOWER_HELP && (opcode_row(i->op)->attrs & ENDS))
        return LOWER_LEAVE;
    return how;
}

bool emitted_as_is(const struct insn *i)
{
    return table[i->op] >= LOWER_NONE && table[i->op] <= LOWER_UPDATE && !narrow_divide_for(i);
}

unsigned backend_writes_memory(const struct insn *i)
{
    bool writes = table[i->op] == LOWER_WRITE || table[i->op] == LOWER_UPDATE;
    return writes && insn_is_mem(i) ? memory_size(i) : 0;
}

unsigned backend_accesses_memory(const struct insn *i, bool *writes)
{
    *writes = table[i->op] != LOWER_READ;
    bool any = table[i->op] >= LOWER_READ && table[i->op] <= LOWER_UPDATE;
    return any && insn_is_mem(i) ? memory_size(i) : 0;
}

bool backend_must_leave(const struct insn *i)
{
    return table[i->op] == LOWER_LEAVE;
}

static unsigned size_of(enum operand o, const struct insn *i)
{
    switch (o) {
    case OPND_Eb:
    case OPND_Mb:
        return 1;
    case OPND_Ew:
    case OPND_Mw:
    case OPND_Ww:
        return 2;
    case OPND_Ed:
    case OPND_Md:
    case OPND_Qd:
    case OPND_Wd:
        return 4;
    case OPND_Ev:
        return i->osize;
    case OPND_Mq:
    case OPND_Qq:
    case OPND_Wq:
        return 8;
    case OPND_Mdq:
    case OPND_Wdq:
        return 16;
    case OPND_Mt:
        return 10;
    default:
        return 0;
    }
}

unsigned memory_size(const struct insn *i)
{
    const struct opcode *row = opcode_row(i->op);
    for (unsigned n = 0; n < ARRAY_LEN(row->operands); n++) {
        unsigned size = size_of((enum operand)row->operands[n], i);
        if (size)
            return size;
    }
    return 0;
}
