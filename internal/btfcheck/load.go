// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfcheck

import "github.com/cilium/ebpf/btf"

// Load asks the running kernel to take a standalone blob (BPF_BTF_LOAD), and lets go of it
// at once. The error of a refusal carries the end of the kernel's log. It needs CAP_BPF, or root.
func Load(data []byte) error {
	h, err := btf.NewHandleFromRawBTF(data)
	if err != nil {
		return err
	}
	return h.Close()
}
