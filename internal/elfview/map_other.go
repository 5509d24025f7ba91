// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build !unix

package elfview

import (
	"errors"
	"os"
)

func mapFile(*os.File, int64, int64) ([]byte, error) { return nil, errors.ErrUnsupported }
