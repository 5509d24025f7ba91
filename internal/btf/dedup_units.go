// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// UnitsOf returns the numbers of the units that have a record of a class of the output, ascending, apart from those that only
// declare it. It may be called after Resolve. unitOf tells which unit a place is in. No unit is read again, so that
// an Unlisted record counts as what Add made of it.
func (d *Dedup) UnitsOf(class ClassID, unitOf func(place uint64) int) []int {
	isClass := func(id uint32) bool { return d.merged(id) == uint32(class) }
	has := make([]bool, len(d.units))
	deviating := map[int]int{} // by unit: records that Add put into the class, and that are of another
	for k, to := range d.instances {
		if k.place >= basePlace || d.class(k.class).isFwd() || !isClass(k.class) && !isClass(to) {
			continue
		}
		n := unitOf(k.place)
		if isClass(to) {
			has[n] = true
		} else {
			deviating[n]++
		}
	}
	var found []int
	for n, ids := range d.units {
		if d.isBase(n) {
			continue
		}
		for _, id := range ids {
			if isClass(id) {
				deviating[n]--
			}
		}
		if has[n] || deviating[n] < 0 {
			found = append(found, n)
		}
	}
	return found
}
