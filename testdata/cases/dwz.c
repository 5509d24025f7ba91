// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// dwz moves what units share to partial units and imports them.
//
// units: 4
// build: gcc-x86_64 4,5 post=dwz
// build: gcc-s390x 5 post=dwz

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)

typedef unsigned long long u64;
enum kind { KIND_FILE, KIND_DIRECTORY, KIND_LINK, KIND_SOCKET };
struct inode {
	u64 number, size_in_bytes, blocks_on_disk;
	enum kind kind;
	struct inode *parent, *next_sibling, *first_child;
	const struct inode_operations *operations;
};
struct inode_operations {
	int (*create)(struct inode *directory, const char *name, enum kind kind);
	int (*unlink)(struct inode *directory, struct inode *inode);
	struct inode *(*lookup)(struct inode *directory, const char *name);
	long (*read)(struct inode *inode, char *buffer, u64 offset, u64 length);
	long (*write)(struct inode *inode, const char *buffer, u64 offset, u64 length);
};

struct inode GLUE(root, UNIT);
int GLUE(create, UNIT)(struct inode *directory, const char *name, enum kind kind)
{
	return directory->kind != kind && name[0];
}
