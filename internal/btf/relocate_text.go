// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "fmt"

// maxListed is how many candidates a message names.
const maxListed = 4

// text returns the message that belongs to a verdict, "" if nothing is to be said:
//
//	struct foo: size 24 in the distilled base, 32 in the target, and it is embedded in own types
func (m *matcher) text(w *want, v verdict) string {
	if v.doubt == certain {
		return ""
	}
	head := m.base.label(w.id) + ": "
	target := Type{}
	if v.target != 0 {
		target = m.target.Type(v.target)
	}
	switch v.doubt {
	case noName:
		return head + "the target has no type of this name"
	case noFit:
		return head + m.misfit(w)
	case ambiguous:
		return fmt.Sprintf("%s%s in the distilled base, several types of the target fit: %s", head, describe(w.Type), list(w.found))
	case sizeDiffers:
		use := "but own types only point to it"
		if w.uses&byValue != 0 {
			use = "and own functions or variables have it by value"
		}
		return fmt.Sprintf("%ssize %d in the distilled base, %d in the target, %s", head, w.SizeOrType, target.SizeOrType, use)
	case kindDiffers:
		return fmt.Sprintf("%sthe kernel takes %s %s of the target (type %d) for it", head, article(target), kindWord(target), v.target)
	case fwdOnly:
		return head + "the target has a forward declaration only"
	}
	return fmt.Sprintf("%s%s in the distilled base, type %d of the target stands for it and for type %d of the base, %s",
		head, describe(w.Type), v.target, v.other, describe(m.base.Type(v.other)))
}

// misfit tells why no candidate fits.
func (m *matcher) misfit(w *want) string {
	if len(w.found) == 1 && w.found[0].Kind == w.Kind {
		c := &w.found[0]
		switch {
		case c.SizeOrType != w.SizeOrType && (w.Kind == KindStruct || w.Kind == KindUnion):
			return fmt.Sprintf("size %d in the distilled base, %d in the target, and it is embedded in own types", w.SizeOrType, c.SizeOrType)
		case c.SizeOrType != w.SizeOrType:
			return fmt.Sprintf("size %d in the distilled base, %d in the target", w.SizeOrType, c.SizeOrType)
		}
	}
	what := describe(w.Type)
	if w.uses&embedded != 0 {
		what += ", embedded in own types,"
	}
	return fmt.Sprintf("%s in the distilled base, the target has %s", what, list(w.found))
}

// list names candidates.
func list(found []candidate) string {
	text := ""
	for i := range found {
		c := &found[i]
		if i == maxListed {
			return text + fmt.Sprintf(" and %d more", len(found)-maxListed)
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s (type %d)", describe(c.Type), c.id)
	}
	return text
}

// describe returns what is compared of a type.
func describe(r Type) string {
	switch r.Kind {
	case KindFwd:
		return kindWord(r)
	case KindInt:
		enc, _, _ := r.Int()
		return fmt.Sprintf("%s%s of size %d", signs[enc], kindWord(r), r.SizeOrType)
	case KindStruct, KindUnion:
		if r.Kflag {
			return fmt.Sprintf("%s of size %d with bitfields", kindWord(r), r.SizeOrType)
		}
	}
	return fmt.Sprintf("%s of size %d", kindWord(r), r.SizeOrType)
}

// signs are the encodings of an INT in words.
var signs = [16]string{0: "unsigned ", IntSigned: "signed ", IntChar: "char ", IntSigned | IntChar: "signed char ", IntBool: "bool "}

// article returns the article of a type's kind.
func article(r Type) string {
	switch r.Kind {
	case KindInt, KindEnum, KindEnum64:
		return "an"
	}
	return "a"
}
