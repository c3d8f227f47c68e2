#include "devices/pci/piix4pm.h"

#include "devices/bus.h"
#include "devices/pci/config.h"

#define PMBASE          0x40
#define DEVACTB         0x58
#define DEVACTB_APMC_EN (UINT32_C(1) << 25)
#define PMREGMISC       0x80 /* bit 0: PM I/O space enabled */
#define SMBBASE         0x90
#define SMBHSTCFG       0xD2 /* bit 0: SMBus host enabled */
#define PM_SIZE         64
#define GPE_BASE        0xAFE0
#define TIMER_HZ        UINT64_C(3579545)
#define TIMER_TOP       (UINT32_C(1) << 23) /* the status bit is set when bit 23 changes */
#define ACPI_ENABLE     0xF1                /* what our FADT says, the family's convention */
#define ACPI_DISABLE    0xF0

#define PM1_TMR_STS    0x0001
#define PM1_GBL_STS    0x0020
#define PM1_PWRBTN_STS 0x0100
#define PM1_RTC_STS    0x0400
#define PM1_WAK_STS    0x8000
#define PM1_STS_MASK   (PM1_TMR_STS | PM1_GBL_STS | PM1_PWRBTN_STS | PM1_RTC_STS | PM1_WAK_STS)
#define PM1_SCI_EN     0x0001
#define PM1_SLP_EN     0x2000
#define SLP_TYP(v)     ((v) >> 10 & 7)
#define SLP_TYP_S5     0 /* as our and SeaBIOS's DSDT say for this chip */
#define SLP_TYP_S3     1

enum { RANGE_PM, RANGE_SMBUS, RANGE_SMI, RANGE_GPE };

struct piix4pm {
    struct bus *bus;
    struct pci_config pci;
    uint16_t pm1_status, pm1_enable, pm1_control;
    bool rtc; /* the level of IRQ8 */
    uint8_t smi_command, smi_status;
    uint16_t gpe_status, gpe_enable;
    uint8_t smbus_status, smbus_regs[8];
};

static uint64_t timer_ticks(struct piix4pm *p)
{
    return (uint64_t)((unsigned __int128)bus_now(p->bus) * TIMER_HZ / 1000000000u);
}

static void update_sci(struct piix4pm *p)
{
    bool pending =
        p->pm1_status & p->pm1_enable & (PM1_TMR_STS | PM1_GBL_STS | PM1_PWRBTN_STS | PM1_RTC_STS);
    pending |= (p->gpe_status & p->gpe_enable) != 0;
    bus_irq(p->bus, 0, pending && p->pm1_control & PM1_SCI_EN);
}

/* The overflow event is only followed when somebody wants its interrupt; the status bit is
 * computed when read otherwise, from the tick at which it was last cleared. */
static void arm_timer(struct piix4pm *p)
{
    uint64_t next = (timer_ticks(p) / TIMER_TOP + 1) * TIMER_TOP;
    bus_timer(p->bus, 0, (uint64_t)((unsigned __int128)next * 1000000000u / TIMER_HZ) + 1);
}

static void timer(void *state, unsigned id, uint64_t now_ns)
{
    struct piix4pm *p = state;
    (void)id;
    (void)now_ns;
    p->pm1_status |= PM1_TMR_STS;
    arm_timer(p);
    update_sci(p);
}

void piix4pm_power_button(void *state)
{
    struct piix4pm *p = state;
    p->pm1_status |= PM1_PWRBTN_STS;
    update_sci(p);
}

/* The clock's interrupt line: its alarm can wake the machine, also when the interrupt controller
 * has IRQ8 masked, as it is while a system sleeps. */
static void input(void *state, unsigned pin, bool level)
{
    struct piix4pm *p = state;
    (void)pin;
    if (level && !p->rtc)
        p->pm1_status |= PM1_RTC_STS;
    p->rtc = level;
    update_sci(p);
}

static uint32_t pm_read(struct piix4pm *p, unsigned offset)
{
    switch (offset) {
    case 0x00:
        return p->pm1_status;
    case 0x02:
        return p->pm1_enable;
    case 0x04:
        return p->pm1_control;
    case 0x08:
        bus_polled(p->bus);
        return (uint32_t)timer_ticks(p) & 0xFFFFFF;
    }
    return 0;
}

static void pm_write(struct piix4pm *p, unsigned offset, uint16_t value)
{
    switch (offset) {
    case 0x00:
        p->pm1_status &= (uint16_t) ~(value & PM1_STS_MASK);
        break;
    case 0x02:
        p->pm1_enable = value;
        break;
    case 0x04:
        p->pm1_control = value & (uint16_t)~PM1_SLP_EN;
        if (value & PM1_SLP_EN && SLP_TYP(value) == SLP_TYP_S5)
            bus_machine(p->bus, MACHINE_POWER_OFF);
        else if (value & PM1_SLP_EN)
            log_once(bus_log(p->bus), SLP_TYP(value),
                     "ACPI sleep type %u asked for at %llx: only soft-off (S5) is there",
                     (unsigned)SLP_TYP(value), (unsigned long long)bus_guest_pc(p->bus));
        break;
    }
    update_sci(p);
}

/* The SMBus host: every transaction ends with "no device answered". */
static uint32_t smbus_read(struct piix4pm *p, unsigned offset)
{
    return offset == 0 ? p->smbus_status : p->smbus_regs[offset & 7];
}

static void smbus_write(struct piix4pm *p, unsigned offset, uint8_t value)
{
    if (offset == 0)
        p->smbus_status &= (uint8_t)~value;
    else
        p->smbus_regs[offset & 7] = value;
    if (offset == 2 && value & 0x40) /* start */
        p->smbus_status |= 0x04;     /* device error */
}

static uint32_t port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct piix4pm *p = state;
    switch (range) {
    case RANGE_PM:
        if (offset >= 0x08 && offset < 0x0C)
            return pm_read(p, 0x08) >> (8 * (offset - 8));
        if (size == 4)
            return pm_read(p, offset) | pm_read(p, offset + 2) << 16;
        return pm_read(p, offset & ~1u) >> (8 * (offset & 1));
    case RANGE_SMBUS:
        return smbus_read(p, offset);
    case RANGE_SMI:
        return offset == 0 ? p->smi_command : p->smi_status;
    default:
        return offset < 2 ? (uint32_t)p->gpe_status >> (8 * offset)
                          : (uint32_t)p->gpe_enable >> (8 * (offset - 2));
    }
}

static void gpe_write(struct piix4pm *p, unsigned offset, uint8_t value)
{
    unsigned shift = 8 * (offset & 1);
    if (offset < 2)
        p->gpe_status &= (uint16_t) ~(value << shift);
    else
        p->gpe_enable = (uint16_t)((p->gpe_enable & ~(0xFF << shift)) | value << shift);
    update_sci(p);
}

static void smi_write(struct piix4pm *p, unsigned offset, uint8_t value)
{
    if (offset == 1) {
        p->smi_status = value;
        return;
    }
    p->smi_command = value;
    if (value == ACPI_ENABLE)
        p->pm1_control |= PM1_SCI_EN;
    else if (value == ACPI_DISABLE)
        p->pm1_control &= (uint16_t)~PM1_SCI_EN;
    update_sci(p);
}

static void port_write(void *state, unsigned range, unsigned offset, uint32_t value, unsigned size)
{
    struct piix4pm *p = state;
    switch (range) {
    case RANGE_PM:
        if (size == 1) { /* bytes are merged: status bits not named are left alone */
            uint16_t old = (offset & ~1u) == 0 ? 0 : (uint16_t)pm_read(p, offset & ~1u);
            unsigned shift = 8 * (offset & 1);
            value = (old & ~(0xFFu << shift)) | value << shift;
        }
        pm_write(p, offset & ~1u, (uint16_t)value);
        if (size == 4)
            pm_write(p, (offset & ~1u) + 2, (uint16_t)(value >> 16));
        break;
    case RANGE_SMBUS:
        smbus_write(p, offset, (uint8_t)value);
        break;
    case RANGE_SMI:
        smi_write(p, offset, (uint8_t)value);
        break;
    default:
        gpe_write(p, offset, (uint8_t)value);
        break;
    }
}

static void place(struct piix4pm *p)
{
    uint16_t pm = pci_config_get16(&p->pci, PMBASE) & 0xFFC0;
    uint16_t smb = pci_config_get16(&p->pci, SMBBASE) & 0xFFF0;
    bus_port_map(p->bus, RANGE_PM, pm, pm && p->pci.space[PMREGMISC] & 1);
    bus_port_map(p->bus, RANGE_SMBUS, smb, smb && p->pci.space[SMBHSTCFG] & 1);
}

static uint32_t pci_read(void *state, unsigned reg, unsigned size)
{
    struct piix4pm *p = state;
    return pci_config_read(&p->pci, reg, size);
}

static void pci_write(void *state, unsigned reg, uint32_t value, unsigned size)
{
    struct piix4pm *p = state;
    pci_config_write(&p->pci, p->bus, reg, value, size);
    place(p);
}

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct piix4pm *p = state;
    (void)config;
    p->bus = bus;
    pci_config_init(&p->pci, &(struct pci_identity){.vendor = 0x8086,
                                                    .device = 0x7113,
                                                    .revision = 3,
                                                    .class_code = 0x068000,
                                                    .subsystem_vendor = 0x1AF4,
                                                    .subsystem = 0x1100,
                                                    .interrupt_pin = 1,
                                                    .command_mask = 0x0001});
    pci_config_set(&p->pci, PCI_STATUS, 2, 0x0280, 0);
    pci_config_set(&p->pci, PMBASE, 4, 1, 0xFFC0);
    for (unsigned reg = 0x44; reg < 0x80; reg += 4) /* device monitors: kept, without effect */
        pci_config_set(&p->pci, reg, 4, 0, 0xFFFFFFFF);
    /* There is no system management mode: say that its command port is in somebody's use already,
     * so that firmware does not wait for a handler to answer. */
    pci_config_set(&p->pci, DEVACTB, 4, DEVACTB_APMC_EN, 0xFFFFFFFF);
    pci_config_set(&p->pci, PMREGMISC, 1, 0, 1);
    pci_config_set(&p->pci, SMBBASE, 4, 1, 0xFFF0);
    pci_config_set(&p->pci, SMBHSTCFG, 1, 0, 0x0F);
    return NULL;
}

static void reset(void *state)
{
    struct piix4pm *p = state;
    pci_config_reset(&p->pci, p->bus);
    place(p);
    p->pm1_status = p->pm1_enable = p->pm1_control = 0;
    p->gpe_status = p->gpe_enable = 0;
    p->smi_command = p->smi_status = 0;
    p->smbus_status = 0;
    arm_timer(p);
    update_sci(p);
}

static const struct field fields[] = {
    FIELD_SUB1(struct piix4pm, pci, pci_config_fields, "configuration space"),
    FIELD(struct piix4pm, pm1_status, "PM1 status"),
    FIELD(struct piix4pm, pm1_enable, "PM1 enable"),
    FIELD(struct piix4pm, pm1_control, "PM1 control"),
    FIELD(struct piix4pm, rtc, "level of IRQ8"),
    FIELD(struct piix4pm, smi_command, "port B2h"),
    FIELD(struct piix4pm, smi_status, "port B3h"),
    FIELD(struct piix4pm, gpe_status, "general-purpose event status"),
    FIELD(struct piix4pm, gpe_enable, "general-purpose event enable"),
    FIELD(struct piix4pm, smbus_status, "SMBus host status"),
    FIELD_ARRAY(struct piix4pm, smbus_regs, "SMBus host registers"),
    FIELD_END,
};
static const struct port_range ports[] = {
    [RANGE_PM] = {0, PM_SIZE, SIZE_1 | SIZE_2 | SIZE_4},
    [RANGE_SMBUS] = {0, 16, SIZE_1},
    [RANGE_SMI] = {0xB2, 2, SIZE_1},
    [RANGE_GPE] = {GPE_BASE, 4, SIZE_1},
};
static const char *const outputs[] = {"SCI"};
static const char *const inputs[] = {"IRQ8"};

const struct device_class piix4pm_class = {
    .name = "piix4pm",
    .title = "82371AB power management",
    .state_size = sizeof(struct piix4pm),
    .fields = fields,
    .ports = ports,
    .port_count = ARRAY_LEN(ports),
    .outputs = outputs,
    .output_count = ARRAY_LEN(outputs),
    .inputs = inputs,
    .input_count = ARRAY_LEN(inputs),
    .timer_count = 1,
    .init = init,
    .reset = reset,
    .port_read = port_read,
    .port_write = port_write,
    .timer = timer,
    .input = input,
    .pci_read = pci_read,
    .pci_write = pci_write,
};
