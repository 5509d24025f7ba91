// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The same program with its debug sections compressed in the three ways that exist, stripped of
// its symbols, and with the DWARF moved to a .dwo file.
//
// units: 3
// build: gcc-x86_64 5
// build: gcc-x86_64 5 as=zlib compress=zlib
// build: gcc-x86_64 5 as=zstd compress=zstd
// build: gcc-x86_64 4 as=zdebug compress=zlib-gnu
// build: gcc-s390x 5 as=zlib compress=zlib
// build: gcc-i686 5 as=zlib compress=zlib
// build: gcc-x86_64 5 as=nosymtab strip=symtab
// build: gcc-x86_64 5 as=split -gsplit-dwarf

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)

struct entry {
	struct entry *left, *right;
	unsigned long long key, value_of_the_entry_at_the_left, value_of_the_entry_at_the_right;
	struct {
		int first_of_the_numbers, second_of_the_numbers, third_of_the_numbers;
	} numbers[UNIT];
	int (*visit_the_children_of_this_entry)(struct entry *entry_to_visit, void *argument_of_the_visitor);
};
struct entry GLUE(root, UNIT);

int GLUE(visit, UNIT)(struct entry *entry_to_visit, void *argument_of_the_visitor)
{
	return entry_to_visit->left != argument_of_the_visitor;
}

// Relocatable too; here, where it moves no line.
// build: gcc-x86_64 5 as=rel.zlib link=r compress=zlib
