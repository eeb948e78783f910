/* tests/unit/test_doctor.c - vmm/doctor/doctor.c and vmm/doctor/doctor_host.c.
 */
#include <string.h>

#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/doctor/doctor.h"

static const struct doctor_finding *find(const struct doctor *doctor,
					 const char *name)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (!strcmp(doctor->finding[i].name, name))
			return &doctor->finding[i];
	fail_msg("no finding '%s'", name);
	return NULL;
}

/* A folder that stands for a host's root. */
static struct temp_folder root_make(void)
{
	struct temp_folder root;

	assert_int_equal(temp_folder_make(&root, "/tmp"), 0);
	return root;
}

static void add__what_is_well_has_no_cure(void **state)
{
	struct doctor d = { .section = "S" };

	(void)state;
	doctor_add(&d, DOCTOR_OK, "a", "never", "never", "%d", 7);
	doctor_add(&d, DOCTOR_MISSING, "b", "so", NULL, "no");
	assert_int_equal(d.count, 2);
	assert_string_equal(d.finding[0].section, "S");
	assert_string_equal(d.finding[0].value, "7");
	assert_null(d.finding[0].consequence);
	assert_null(d.finding[0].cure);
	assert_string_equal(d.finding[1].consequence, "so");
	assert_null(d.finding[1].cure);
}

static void add__a_long_value_is_cut(void **state)
{
	struct doctor d = { .section = "S" };

	(void)state;
	doctor_add(&d, DOCTOR_OK, "a", NULL, NULL, "%0200d", 0);
	assert_int_equal(strlen(d.finding[0].value),
			 sizeof(d.finding[0].value) - 1);
}

static void fit__only_what_is_fatal_prevents_guests(void **state)
{
	struct doctor d = { .section = "S" };

	(void)state;
	assert_true(doctor_fit(&d));
	doctor_add(&d, DOCTOR_LIMITED, "a", "so", NULL, "no");
	doctor_add(&d, DOCTOR_MISSING, "b", "so", NULL, "no");
	assert_true(doctor_fit(&d));
	doctor_add(&d, DOCTOR_FATAL, "c", "so", NULL, "no");
	assert_false(doctor_fit(&d));
}

static void host__a_kernel_without_features_is_told(void **state)
{
	static const char *const missing[] = {
		"transparent huge pages",
		"hugetlb pages",
		"same-page merging (KSM)",
	};
	struct temp_folder root = root_make();
	struct doctor d = { 0 };

	(void)state;
	doctor_host(&d, root.path);
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++) {
		const struct doctor_finding *f = find(&d, missing[i]);

		assert_int_equal(f->mark, DOCTOR_MISSING);
		assert_string_equal(f->value, "no");
		assert_non_null(f->consequence);
		assert_non_null(f->cure);
	}
	assert_true(doctor_fit(&d));
	assert_int_equal(temp_folder_remove(&root), 0);
}

static void host__settings_are_read(void **state)
{
	struct temp_folder root = root_make();
	struct doctor d = { 0 };

	(void)state;
	temp_folder_put(&root, "/sys/kernel/mm/transparent_hugepage/enabled",
			"always [madvise] never\n");
	temp_folder_put(
		&root, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
		"8\n");
	temp_folder_put(
		&root,
		"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
		"0\n");
	temp_folder_put(&root, "/sys/kernel/mm/ksm/run", "1\n");
	temp_folder_put(&root, "/proc/sys/vm/overcommit_memory", "0\n");
	doctor_host(&d, root.path);
	assert_string_equal(find(&d, "transparent huge pages")->value,
			    "madvise");
	assert_int_equal(find(&d, "transparent huge pages")->mark, DOCTOR_OK);
	assert_string_equal(find(&d, "hugetlb pages")->value, "2M: 8, 1G: 0");
	assert_string_equal(find(&d, "same-page merging (KSM)")->value, "on");
	assert_string_equal(find(&d, "vm.overcommit_memory")->value,
			    "heuristic");
	assert_int_equal(temp_folder_remove(&root), 0);
}

static void host__settings_that_hurt_have_a_cure(void **state)
{
	static const char *const limited[] = {
		"transparent huge pages",
		"same-page merging (KSM)",
		"vm.overcommit_memory",
	};
	struct temp_folder root = root_make();
	struct doctor d = { 0 };

	(void)state;
	temp_folder_put(&root, "/sys/kernel/mm/transparent_hugepage/enabled",
			"always madvise [never]\n");
	temp_folder_put(&root, "/sys/kernel/mm/ksm/run", "0\n");
	temp_folder_put(&root, "/proc/sys/vm/overcommit_memory", "2\n");
	doctor_host(&d, root.path);
	for (size_t i = 0; i < sizeof(limited) / sizeof(*limited); i++) {
		assert_int_equal(find(&d, limited[i])->mark, DOCTOR_LIMITED);
		assert_non_null(find(&d, limited[i])->cure);
	}
	assert_int_equal(temp_folder_remove(&root), 0);
}

static void host__files_that_make_no_sense_are_not_believed(void **state)
{
	struct temp_folder root = root_make();
	struct doctor d = { 0 };

	(void)state;
	temp_folder_put(&root, "/sys/kernel/mm/transparent_hugepage/enabled",
			"always madvise never");
	temp_folder_put(&root, "/sys/kernel/mm/ksm/run", "");
	temp_folder_put(&root, "/proc/sys/vm/overcommit_memory", "99");
	doctor_host(&d, root.path);
	assert_int_equal(find(&d, "transparent huge pages")->mark,
			 DOCTOR_MISSING);
	assert_int_equal(find(&d, "same-page merging (KSM)")->mark,
			 DOCTOR_MISSING);
	assert_int_equal(temp_folder_remove(&root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add__what_is_well_has_no_cure),
		cmocka_unit_test(add__a_long_value_is_cut),
		cmocka_unit_test(fit__only_what_is_fatal_prevents_guests),
		cmocka_unit_test(host__a_kernel_without_features_is_told),
		cmocka_unit_test(host__settings_are_read),
		cmocka_unit_test(host__settings_that_hurt_have_a_cure),
		cmocka_unit_test(
			host__files_that_make_no_sense_are_not_believed),
	};

	return RUN_TESTS(tests);
}
