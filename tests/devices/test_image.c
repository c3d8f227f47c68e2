/* Raw disk images: what opens and what is refused, with which words; locking; snapshot mode; host
 * errors as statuses; content detection. Files live in a private temporary folder. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/disk/image.h"
#include "tests/check_main.h"

static char folder[64], path[128], error[512];

static void set_up(void)
{
    strcpy(folder, "/tmp/umbra-image-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/disk.img", folder);
    error[0] = 0;
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

/* A file of size bytes, zeros but for head (len bytes) at the start. */
static void make_file(off_t size, const void *head, size_t len)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, size), 0);
    if (len)
        ck_assert_int_eq(pwrite(fd, head, len, 0), (ssize_t)len);
    close(fd);
}

static uint8_t file_byte(off_t at)
{
    uint8_t b = 0;
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(pread(fd, &b, 1, at), 1);
    close(fd);
    return b;
}

static struct disk_image *open_ok(enum disk_mode mode)
{
    struct disk_image *image = disk_image_open(path, mode, NULL, error, sizeof error);
    ck_assert_msg(image != NULL, "%s", error);
    return image;
}

static void open_fails(const char *with)
{
    struct disk_image *image = disk_image_open(path, DISK_READ_WRITE, NULL, error, sizeof error);
    ck_assert_ptr_null(image);
    ck_assert_msg(strstr(error, with) && strstr(error, path), "'%s' lacks '%s'", error, with);
}

static const uint8_t boot_sector[512] = {[0] = 0xeb, [510] = 0x55, [511] = 0xaa};

START_TEST(what_is_no_image_is_refused_in_words)
{
    open_fails("no such file");
    make_file(0, NULL, 0);
    open_fails("empty (0 bytes)");
    make_file(100, NULL, 0);
    open_fails("only 100 bytes");
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    open_fails("is a directory");
    rmdir(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    open_fails("is a pipe");
    if (geteuid() != 0) {
        unlink(path);
        make_file(4096, NULL, 0);
        chmod(path, 0);
        open_fails("permission denied");
    }
}
END_TEST

START_TEST(writes_reach_the_file)
{
    uint8_t a[1024], b[1024];
    memset(a, 0x5a, sizeof a);
    make_file(1 << 20, NULL, 0);
    struct disk_image *image = open_ok(DISK_READ_WRITE);
    ck_assert_uint_eq(disk_image_sectors(image), 2048);
    ck_assert_int_eq(disk_image_write(image, 7, (struct span){a, sizeof a}), DISK_OK);
    ck_assert_int_eq(disk_image_read(image, 7, (struct span){b, sizeof b}), DISK_OK);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_int_eq(disk_image_flush(image), DISK_OK);
    ck_assert_uint_eq(file_byte(7 * 512 + 1023), 0x5a);
    ck_assert_int_eq(disk_image_read(image, 2047, (struct span){b, sizeof b}), DISK_RANGE);
    ck_assert_int_eq(disk_image_write(image, UINT64_MAX, (struct span){b, 512}), DISK_RANGE);
    ck_assert_int_eq(disk_image_read(image, 0, (struct span){b, 100}), DISK_RANGE);
    disk_image_close(image);
}
END_TEST

START_TEST(a_tail_reads_as_zeros_and_grows_to_a_sector)
{
    uint8_t head[1000], b[512];
    memset(head, 0x11, sizeof head);
    make_file(2000000, head, sizeof head); /* 3906.25 sectors */
    struct disk_image *image = open_ok(DISK_READ_WRITE);
    ck_assert_uint_eq(disk_image_sectors(image), 3907);
    memset(b, 0xee, sizeof b);
    ck_assert_int_eq(disk_image_read(image, 3906, (struct span){b, 512}), DISK_OK);
    for (unsigned i = 0; i < 512; i++)
        ck_assert_uint_eq(b[i], 0);
    memset(b, 0x77, sizeof b);
    ck_assert_int_eq(disk_image_write(image, 3906, (struct span){b, 512}), DISK_OK);
    disk_image_close(image);
    ck_assert_uint_eq(file_byte(3907 * 512 - 1), 0x77);
}
END_TEST

START_TEST(a_boot_sector_is_a_floppy)
{
    uint8_t b[512];
    make_file(512, boot_sector, 512);
    struct disk_image *image = open_ok(DISK_READ_WRITE);
    ck_assert_int_eq(disk_image_info(image)->kind, DISK_FLOPPY);
    ck_assert_uint_eq(disk_image_sectors(image), 2880);
    ck_assert_int_eq(disk_image_read(image, 2879, (struct span){b, 512}), DISK_OK);
    ck_assert_uint_eq(b[511], 0);
    disk_image_close(image);
}
END_TEST

START_TEST(a_second_writer_is_refused)
{
    make_file(1 << 20, NULL, 0);
    struct disk_image *writer = open_ok(DISK_READ_WRITE);
    open_fails("in use by another run");
    ck_assert_ptr_null(disk_image_open(path, DISK_SNAPSHOT, NULL, error, sizeof error));
    disk_image_close(writer);
    struct disk_image *a = open_ok(DISK_READ_ONLY), *b = open_ok(DISK_SNAPSHOT);
    open_fails("in use by another run");
    disk_image_close(a);
    disk_image_close(b);
    disk_image_close(open_ok(DISK_READ_WRITE));
}
END_TEST

START_TEST(a_snapshot_leaves_the_file_alone)
{
    uint8_t a[3 * 512], b[5 * 512];
    memset(b, 0x21, sizeof b);
    make_file(1 << 20, b, sizeof b);
    struct disk_image *image = open_ok(DISK_SNAPSHOT);
    memset(a, 0x99, sizeof a);
    ck_assert_int_eq(disk_image_write(image, 1, (struct span){a, sizeof a}), DISK_OK);
    ck_assert_int_eq(disk_image_flush(image), DISK_OK);
    ck_assert_int_eq(disk_image_read(image, 0, (struct span){b, sizeof b}), DISK_OK);
    ck_assert_uint_eq(b[0], 0x21);
    ck_assert_uint_eq(b[511], 0x21);
    ck_assert_uint_eq(b[512], 0x99);
    ck_assert_uint_eq(b[4 * 512 - 1], 0x99);
    ck_assert_uint_eq(b[4 * 512], 0x21);
    disk_image_close(image);
    ck_assert_uint_eq(file_byte(512), 0x21);
}
END_TEST

START_TEST(read_only_is_protected)
{
    uint8_t b[512] = {0};
    make_file(1 << 20, NULL, 0);
    struct disk_image *image = open_ok(DISK_READ_ONLY);
    ck_assert(disk_image_is_read_only(image));
    ck_assert_int_eq(disk_image_write(image, 0, (struct span){b, 512}), DISK_PROTECTED);
    disk_image_close(image);
}
END_TEST

START_TEST(a_file_cut_under_us_is_an_io_error)
{
    uint8_t b[512];
    make_file(1 << 20, NULL, 0);
    struct disk_image *image = open_ok(DISK_READ_ONLY);
    ck_assert_int_eq(truncate(path, 4096), 0);
    ck_assert_int_eq(disk_image_read(image, 7, (struct span){b, 512}), DISK_OK);
    ck_assert_int_eq(disk_image_read(image, 8, (struct span){b, 512}), DISK_IO_ERROR);
    ck_assert_uint_eq(disk_image_counters(image).errors, 1);
    disk_image_close(image);
}
END_TEST

/* A file size limit stands in for a full disk: both end in a short or refused pwrite. */
START_TEST(a_full_disk_is_no_space)
{
    uint8_t b[512] = {1};
    make_file(512, boot_sector, 512);
    struct disk_image *image = open_ok(DISK_READ_WRITE);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){8192, RLIM_INFINITY}), 0);
    ck_assert_int_eq(disk_image_write(image, 15, (struct span){b, 512}), DISK_OK);
    ck_assert_int_eq(disk_image_write(image, 16, (struct span){b, 512}), DISK_NO_SPACE);
    disk_image_close(image);
}
END_TEST

START_TEST(faults_strike_once)
{
    uint8_t b[512] = {0};
    struct disk_image *image = disk_image_memory(NULL, 0, 1 << 20);
    disk_image_fail(image, DISK_OP_WRITE, 2, DISK_NO_SPACE);
    ck_assert_int_eq(disk_image_write(image, 0, (struct span){b, 512}), DISK_OK);
    ck_assert_int_eq(disk_image_write(image, 0, (struct span){b, 512}), DISK_NO_SPACE);
    ck_assert_int_eq(disk_image_write(image, 0, (struct span){b, 512}), DISK_OK);
    disk_image_fail(image, DISK_OP_FLUSH, 1, DISK_IO_ERROR);
    ck_assert_int_eq(disk_image_flush(image), DISK_IO_ERROR);
    disk_image_close(image);
}
END_TEST

static struct disk_info probe_file(void)
{
    struct disk_info info;
    ck_assert_msg(disk_image_kind(path, &info, error, sizeof error), "%s", error);
    return info;
}

START_TEST(floppies_are_known_by_size)
{
    static const struct {
        unsigned kb, cylinders, heads, sectors;
    } sizes[] = {{160, 40, 1, 8}, {180, 40, 1, 9},   {320, 40, 2, 8},   {360, 40, 2, 9},
                 {720, 80, 2, 9}, {1200, 80, 2, 15}, {1440, 80, 2, 18}, {2880, 80, 2, 36}};
    for (unsigned i = 0; i < 8; i++) {
        make_file(sizes[i].kb * 1024, NULL, 0);
        struct disk_info info = probe_file();
        ck_assert_int_eq(info.kind, DISK_FLOPPY);
        ck_assert_uint_eq(info.geometry.cylinders, sizes[i].cylinders);
        ck_assert_uint_eq(info.geometry.heads, sizes[i].heads);
        ck_assert_uint_eq(info.geometry.sectors, sizes[i].sectors);
    }
}
END_TEST

START_TEST(content_tells_the_rest)
{
    uint8_t bpb[512];
    memcpy(bpb, boot_sector, 512);
    bpb[0x0c] = 2;    /* 512 bytes a sector */
    bpb[0x13] = 0xd0; /* 720 sectors: 360 KB */
    bpb[0x14] = 2;
    bpb[0x18] = 9;
    bpb[0x1a] = 2;
    make_file(100 * 1024, bpb, 512);
    ck_assert_uint_eq(probe_file().medium_size, 360 * 1024);
    make_file(100 * 1024, boot_sector, 512);
    ck_assert_uint_eq(probe_file().medium_size, 1440 * 1024);
    make_file(100 * 1024, NULL, 0);
    ck_assert_int_eq(probe_file().kind, DISK_HARD);

    uint8_t mbr[512];
    memcpy(mbr, boot_sector, 512);
    mbr[0x1be] = 0x80;
    mbr[0x1be + 4] = 6;
    mbr[0x1be + 5] = 7; /* ends on head 7, sector 32 */
    mbr[0x1be + 6] = 32;
    mbr[0x1be + 8] = 32;
    mbr[0x1be + 13] = 8;
    make_file(1 << 20, mbr, 512);
    ck_assert_int_eq(probe_file().kind, DISK_HARD);
    ck_assert_uint_eq(probe_file().geometry.heads, 8);
    ck_assert_uint_eq(probe_file().geometry.sectors, 32);
    ck_assert_uint_eq(probe_file().geometry.cylinders, 8);
    ck_assert(probe_file().boot_signature);
}
END_TEST

START_TEST(an_iso_is_a_cd)
{
    uint8_t iso[0x9000] = {0};
    iso[0x8000] = 1;
    memcpy(iso + 0x8001, "CD001", 5);
    memcpy(iso + 0x8801, "CD001", 5);
    memcpy(iso + 0x8807, "EL TORITO SPECIFICATION", 23);
    make_file(0x9000 + 512, iso, sizeof iso);
    struct disk_info info = probe_file();
    ck_assert_int_eq(info.kind, DISK_CD);
    ck_assert_uint_eq(info.medium_size, 0x9800);
    ck_assert_uint_gt(info.geometry.heads, 0); /* should it be used as a hard disk */
    ck_assert(info.boot_signature);
}
END_TEST

START_TEST(what_is_called_a_floppy_becomes_one)
{
    uint8_t b[512] = {1};
    make_file(1296384, NULL, 0); /* no floppy's size, no boot signature: a hard disk by itself */
    for (enum disk_mode mode = DISK_READ_WRITE; mode <= DISK_SNAPSHOT; mode++) {
        struct disk_image *image = open_ok(mode);
        ck_assert_int_eq(disk_image_info(image)->kind, DISK_HARD);
        ck_assert(disk_image_as_floppy(image));
        ck_assert_uint_eq(disk_image_info(image)->geometry.sectors, 18);
        ck_assert_uint_eq(disk_image_sectors(image), 2880);
        ck_assert_int_eq(disk_image_read(image, 2879, (struct span){b, 512}), DISK_OK);
        ck_assert_uint_eq(b[0], 0);
        disk_image_close(image);
    }
    make_file(3 << 20, NULL, 0);
    struct disk_image *large = open_ok(DISK_SNAPSHOT);
    ck_assert(!disk_image_as_floppy(large));
    ck_assert_uint_eq(disk_image_sectors(large), 6144);
    disk_image_close(large);
}
END_TEST

START_TEST(a_truncated_image_is_told)
{
    uint8_t mbr[512];
    memcpy(mbr, boot_sector, 512);
    mbr[0x1be] = 0x80;
    mbr[0x1be + 4] = 0x83;
    mbr[0x1be + 8] = 1;
    mbr[0x1be + 14] = 1; /* 65536 sectors */
    make_file(2 << 20, mbr, 512);
    struct log *log = log_create(LOG_ERROR, NULL, NULL);
    struct disk_image *image = disk_image_open(path, DISK_READ_ONLY, log, error, sizeof error);
    ck_assert_ptr_nonnull(image);
    disk_image_close(image);
    log_destroy(log);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_is_no_image_is_refused_in_words,
                                  writes_reach_the_file,
                                  a_tail_reads_as_zeros_and_grows_to_a_sector,
                                  a_boot_sector_is_a_floppy,
                                  a_second_writer_is_refused,
                                  a_snapshot_leaves_the_file_alone,
                                  read_only_is_protected,
                                  a_file_cut_under_us_is_an_io_error,
                                  a_full_disk_is_no_space,
                                  faults_strike_once,
                                  floppies_are_known_by_size,
                                  content_tells_the_rest,
                                  an_iso_is_a_cd,
                                  what_is_called_a_floppy_becomes_one,
                                  a_truncated_image_is_told};
    Suite *suite = suite_create("image");
    TCase *tc = tcase_create("image");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    suite_add_tcase(suite, tc);
    for (unsigned i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(tc, tests[i]);
    return suite_status(suite);
}
