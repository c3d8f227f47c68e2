/* partition/partition_snapshot.c: the state of a partition as a stream of bytes, and as a hash. */
#include "partition/partition_state.h"

static uint64_t hash_bytes(uint64_t h, const uint8_t *data, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        h = (h ^ load_le64(data + i)) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    for (; i < len; i++)
        h = (h ^ data[i]) * UINT64_C(0x100000001B3);
    return h;
}

uint64_t partition_state_hash(struct partition *p)
{
    struct bytes state = {0};
    vcpu_state_flush(p->vcpu);
    fields_save(vcpu_fields, p->vcpu, &state);
    board_save(p->board, &state);
    uint64_t h = hash_bytes(1, state.data, state.len);
    bytes_free(&state);
    return hash_bytes(h, physmap_host(p->pm, 0), physmap_ram_size(p->pm));
}

/* What a snapshot says first: a stream of another machine is refused by it. */
struct shape {
    uint64_t version, ram_size, machine_size;
    bool a20;
};
#define SNAPSHOT_VERSION 1

static const struct field shape_fields[] = {
    FIELD(struct shape, version, "of the stream"),
    FIELD(struct shape, ram_size, "bytes"),
    FIELD(struct shape, machine_size, "bytes of RAM, ROM and video RAM"),
    FIELD(struct shape, a20, "the A20 gate is open"),
    FIELD_END,
};

static const struct field serial_fields[] = {
    FIELD_ARRAY(struct serial_queue, data, "bytes that the UART has no room for yet"),
    FIELD(struct serial_queue, head, "index of the oldest"),
    FIELD(struct serial_queue, count, "bytes held"),
    FIELD_END,
};

static const struct field partition_fields[] = {
    FIELD(struct partition, clock.anchor_ns, "virtual time at anchor_insns"),
    FIELD(struct partition, clock.anchor_insns, "instructions"),
    FIELD(struct partition, clock.rate, "ns per instruction, 32.32"),
    FIELD(struct partition, wall_clock_start, "ns since 1970 at power-on"),
    FIELD_SUB(struct partition, serial, serial_fields, "bytes on their way to the UARTs"),
    FIELD(struct partition, reset_due, "the machine is to be reset"),
    FIELD(struct partition, power_off_due, "the machine is to be switched off"),
    FIELD(struct partition, debug_exit_due, "the guest asked for the end"),
    FIELD(struct partition, dma_pause_due, "a denied transfer asked for a pause"),
    FIELD(struct partition, exit_value, "the guest's"),
    FIELD_END,
};

static struct shape shape_of(const struct partition *p)
{
    return (struct shape){SNAPSHOT_VERSION, physmap_ram_size(p->pm), physmap_machine_size(p->pm),
                          physmap_a20(p->pm)};
}

static bool page_is_zero(const uint8_t *page)
{
    return !page[0] && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

/* Each page that is not all zeros: its number (8 bytes) and its bytes; then all ones. */
static void save_memory(struct partition *p, struct bytes *out)
{
    const uint64_t end = UINT64_MAX;
    for (uint64_t n = 0; n < physmap_machine_size(p->pm) >> PAGE_SHIFT; n++) {
        const uint8_t *page = physmap_host(p->pm, n << PAGE_SHIFT);
        if (page_is_zero(page))
            continue;
        bytes_append(out, &n, sizeof n);
        bytes_append(out, page, PAGE_SIZE);
    }
    bytes_append(out, &end, sizeof end);
}

static bool load_memory(struct partition *p, const uint8_t *data, size_t len)
{
    uint64_t pages = physmap_machine_size(p->pm) >> PAGE_SHIFT, at = 0;
    size_t used = 0;
    for (;;) {
        if (len - used < 8)
            return false;
        uint64_t n = load_le64(data + used);
        used += 8;
        uint64_t to = n == UINT64_MAX ? pages : n;
        if (to < at || to > pages || (n == UINT64_MAX && used != len))
            return false;
        for (; at < to; at++) {
            uint8_t *page = physmap_host(p->pm, at << PAGE_SHIFT);
            if (!page_is_zero(page)) /* an untouched page costs the host nothing: leave it so */
                memset(page, 0, PAGE_SIZE);
        }
        if (n == UINT64_MAX)
            break;
        if (n == pages || len - used < PAGE_SIZE)
            return false;
        memcpy(physmap_host(p->pm, n << PAGE_SHIFT), data + used, PAGE_SIZE);
        used += PAGE_SIZE;
        at++;
    }
    physmap_wrote(p->pm, 0, physmap_machine_size(p->pm)); /* drops blocks, marks all dirty */
    return true;
}

void partition_save(struct partition *p, struct bytes *out)
{
    struct shape shape = shape_of(p);
    struct bytes board = {0};
    fields_save(shape_fields, &shape, out);
    /* What repeated instructions moved is not saved: the clock's anchor goes by instructions. */
    vclock_renumber(&p->clock, clock_work(p), vcpu_insns(p->vcpu));
    p->vcpu->string_bytes = 0;
    fields_save(partition_fields, p, out);
    vcpu_state_flush(p->vcpu);
    fields_save(vcpu_fields, p->vcpu, out);
    board_save(p->board, &board);
    uint64_t board_len = board.len;
    bytes_append(out, &board_len, sizeof board_len);
    bytes_append(out, board.data, board.len);
    bytes_free(&board);
    save_memory(p, out);
}

/* What was loaded may come from anywhere: only sound numbers are used. */
static bool loaded_is_sound(const struct partition *p)
{
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (p->serial[i].head >= SERIAL_WAITING || p->serial[i].count > SERIAL_WAITING)
            return false;
    }
    return vclock_is_sound(&p->clock, vcpu_insns(p->vcpu));
}

bool partition_load(struct partition *p, const uint8_t *data, size_t len)
{
    struct shape want = shape_of(p), is;
    size_t used = fields_load(shape_fields, &is, data, len);
    if (!used || is.version != want.version || is.ram_size != want.ram_size ||
        is.machine_size != want.machine_size)
        return false;
    size_t n = fields_load(partition_fields, p, data + used, len - used);
    used += n;
    p->vcpu->string_bytes = 0;
    size_t m = n ? fields_load(vcpu_fields, p->vcpu, data + used, len - used) : 0;
    used += m;
    if (!m || !loaded_is_sound(p) || len - used < 8)
        return false;
    uint32_t events = p->vcpu->events; /* the rest of loading may raise some */
    uint64_t board_len = load_le64(data + used);
    used += 8;
    if (board_len > len - used ||
        !load_memory(p, data + used + board_len, len - used - board_len) ||
        !board_load(p->board, data + used, board_len))
        return false;
    physmap_set_a20(p->pm, is.a20);
    p->vcpu->events = events;
    vcpu_state_loaded(p->vcpu);
    vclock_resume(&p->clock, vcpu_insns(p->vcpu));
    return true;
}
