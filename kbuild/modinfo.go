// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/internal/modinfo"
)

// ModuleInfo is what a module says of itself and of the kernel it is for.
type ModuleInfo = modinfo.Info

// IsModule reports whether f is a kernel module.
func IsModule(f *elfview.File) bool { return modinfo.IsModule(f) }

// ReadModuleInfo returns what the section .modinfo of f tells.
func ReadModuleInfo(f *elfview.File) (*ModuleInfo, error) { return modinfo.Read(f) }
