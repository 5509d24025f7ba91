// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// C++ in one file: references, pointers to members, static members, inheritance, namespaces,
// scoped enumerations, nullptr_t, methods. The reference stops at the first reference type.
//
// build: gcc-x86_64 4,5 -std=c++17 -fno-exceptions -fno-rtti
// build: clang-x86_64 5 -std=c++17 -fno-exceptions -fno-rtti

namespace space {
enum class color : unsigned char { red, green };
struct base {
	int b;
	static int shared;
	int method(int x) { return b + x; }
};
class derived : public base {
public:
	long d;
	struct nested {
		char c;
	} n;
	derived &next;
	int base::*member;
	int (base::*call)(int);
	decltype(nullptr) none;
	color col;
};
int base::shared = 1;
template <typename T> struct box {
	T value;
};
} // namespace space

space::box<int> ints;
space::derived *pointer;

extern "C" int by_reference(const space::base &b, int &&moved) { return b.b + moved; }
extern "C" int methods(space::base *b) { return b->method(2); }
