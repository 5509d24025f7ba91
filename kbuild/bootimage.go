// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btfgen/btfgen/internal/btf"
	"github.com/btfgen/btfgen/internal/elfview"
	"github.com/btfgen/btfgen/kbuild/internal/unpack"
)

const (
	// maxContents bounds what comes out of a boot image. Distributions' kernels
	// have 40 to 80 MB, one with everything built in a few hundred.
	maxContents = 512 << 20

	// maxRatio and freeContents bound it by the compressed size: kernels shrink 3 to
	// 8 times, if they are padded with their zero-filled memory somewhat more.
	maxRatio     = 64
	freeContents = 16 << 20

	// maxStreams bounds the places that are tried in an image of unknown make.
	maxStreams = 64
)

// kernelFromImage finds the kernel in a boot image: by the header, where one says
// where it is; else uncompressed, as in an arm64 Image; else behind any start of
// a compressed stream, as in Image.gz, an ARM zImage or an s390 bzImage.
func kernelFromImage(b []byte) (kernelFile, error) {
	for _, find := range []func([]byte) (*payload, error){x86Payload, zbootPayload} {
		p, err := find(b)
		if err != nil {
			return kernelFile{}, err
		}
		if p != nil {
			return p.kernel()
		}
	}
	var bare kernelFile
	if unpack.Detect(b) == nil {
		var err error
		if bare, err = kernelFromFlat(b); err == nil {
			bare.form = "uncompressed image"
			return bare, nil
		}
	}
	k, err := kernelFromStreams(b)
	if err != nil && k.buildID == nil {
		k.buildID = bare.buildID
	}
	return k, err
}

// payload is a compressed kernel in an image.
type payload struct {
	container string
	data      []byte // aliases the image
	size      []byte // 4 bytes, little-endian: bytes of the contents
}

// x86Payload finds the kernel in a bzImage (Documentation/arch/x86/boot.rst). It
// returns nil if b is none.
func x86Payload(b []byte) (*payload, error) {
	const (
		setupSects, bootFlag, magic, version = 0x1f1, 0x1fe, 0x202, 0x206

		payloadOff, payloadLen, end = 0x248, 0x24c, 0x250
		sector                      = 512
		minVersion                  = 0x0208 // the first with a payload's offset
	)
	le := binary.LittleEndian
	if len(b) < end || le.Uint16(b[bootFlag:]) != 0xaa55 || string(b[magic:magic+4]) != "HdrS" {
		return nil, nil
	}
	if v := le.Uint16(b[version:]); v < minVersion {
		return nil, fmt.Errorf("bzImage: boot protocol %d.%02d does not tell where the kernel is", v>>8, v&0xff)
	}
	sects := uint64(cmp.Or(b[setupSects], 4)) // 0 means 4
	off, n := (sects+1)*sector+uint64(le.Uint32(b[payloadOff:])), uint64(le.Uint32(b[payloadLen:]))
	if n < 4 || off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil, fmt.Errorf("bzImage: payload of %d bytes at %#x, the file has %d", n, off, len(b))
	}
	// The size is the end of gzip's own format; to others the build appends it.
	data := b[off : off+n]
	return &payload{"bzImage", data, data[n-4:]}, nil
}

// zbootPayload finds the kernel in an EFI zboot image, vmlinuz.efi
// (drivers/firmware/efi/libstub/zboot-header.S). It returns nil if b is none.
func zbootPayload(b []byte) (*payload, error) {
	const payloadOff, payloadLen, method, end = 8, 12, 24, 56
	if len(b) < end || string(b[:2]) != "MZ" || string(b[4:8]) != "zimg" {
		return nil, nil
	}
	le := binary.LittleEndian
	off, n := uint64(le.Uint32(b[payloadOff:])), uint64(le.Uint32(b[payloadLen:]))
	if n < 4 || off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil, fmt.Errorf("zboot: payload of %d bytes at %#x, the file has %d", n, off, len(b))
	}
	p := &payload{container: "zboot", data: b[off : off+n]}
	// The appended size does not count as payload.
	after := b[off+n:]
	switch {
	case bytes.HasPrefix(b[method:], []byte("gzip\x00")):
		p.size = p.data[n-4:]
	case len(after) >= 4:
		p.size = after[:4]
	default:
		return nil, fmt.Errorf("zboot: the payload of %d bytes at %#x is not followed by its size", n, off)
	}
	return p, nil
}

// kernel unpacks the payload.
func (p *payload) kernel() (kernelFile, error) {
	f := unpack.Detect(p.data)
	if f == nil {
		return kernelFile{}, fmt.Errorf("%s: payload of unknown compression, starts with the bytes % x",
			p.container, p.data[:min(len(p.data), 8)])
	}
	size := int64(binary.LittleEndian.Uint32(p.size))
	limit := contentsLimit(len(p.data))
	if size > int64(limit) {
		return kernelFile{}, fmt.Errorf("%s: %d bytes of %s are to unpack to %d, at most %d are believed",
			p.container, len(p.data), f.Name, size, limit)
	}
	out, err := f.Unpack(p.data, int(size))
	if err == nil && int64(len(out)) != size {
		err = fmt.Errorf("unpacks to %d bytes, %d are announced", len(out), size)
	}
	if err != nil {
		return kernelFile{}, fmt.Errorf("%s: %w", p.container, err)
	}
	k, err := kernelFromContents(out)
	return k.in(p.container, f.Name), inContainer(err, p.container, f.Name)
}

func (k kernelFile) in(container, method string) kernelFile {
	k.form = container + ", " + method
	return k
}

func inContainer(err error, container, method string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("kernel in the %s, %s: %w", container, method, err)
}

// contentsLimit returns how many bytes may come out of n.
func contentsLimit(n int) int {
	return min(maxContents, min(n, maxContents/maxRatio)*maxRatio+freeContents)
}

// kernelFromStreams tries each place of b where a compressed stream may start.
func kernelFromStreams(b []byte) (kernelFile, error) {
	var best kernelFile // of what was unpacked without finding BTF
	var why error
	tried, left := 0, contentsLimit(len(b))
	for off, f := range unpack.Streams(b) {
		if tried++; tried > maxStreams || left == 0 {
			if why == nil {
				why = fmt.Errorf("no BTF in the first %d places that look like a compressed kernel", tried-1)
			}
			break
		}
		where := fmt.Sprintf("image at %#x", off)
		if off == 0 {
			where = "compressed file"
		}
		// What follows a stream may look like its continuation: an error at its end
		// does not matter if the BTF, checked in full, came out.
		out, unpackErr := f.Unpack(b[off:], left)
		left -= len(out)
		k, err := kernelFromContents(out)
		if err == nil {
			return k.in(where, f.Name), nil
		}
		err = inContainer(err, where, f.Name)
		if unpackErr != nil {
			err = fmt.Errorf("%s: %w", where, unpackErr)
		}
		chance := off != 0 && len(out) < btfHeaderMin
		if !chance && (why == nil || k.buildID != nil) {
			best, why = k, err
		}
	}
	if why == nil {
		return best, fmt.Errorf("neither BTF, ELF nor a boot image with either: starts with the bytes % x", b[:min(len(b), 8)])
	}
	return best, why
}

// kernelFromContents finds the BTF in an unpacked kernel: ELF, raw BTF, or an
// image without sections. The result does not alias b.
func kernelFromContents(b []byte) (kernelFile, error) {
	var k kernelFile
	var err error
	if isELF(b) {
		var f *elfview.File
		if f, err = elfview.New(bytes.NewReader(b), int64(len(b))); err == nil {
			k, err = kernelFromELF(f, false)
		}
	} else {
		k, err = kernelFromFlat(b)
	}
	k.release = bannerRelease(b)
	return k, err
}

// wrapperSections hold the compressed kernel in boot images that are ELF files:
// zImage of powerpc (arch/powerpc/boot/wrapper), vmlinuz of MIPS
// (arch/mips/boot/compressed), vmlinux of arch/{s390,x86}/boot/compressed.
var wrapperSections = []string{".kernel:vmlinux.strip", ".image", ".rodata..compressed", ".rodata.compressed"}

// wrapped returns the section of f that holds a compressed kernel, or nil.
func wrapped(f *elfview.File) *elfview.Section {
	for _, name := range wrapperSections {
		if s := f.Section(name); s != nil {
			return s
		}
	}
	return nil
}

func kernelFromWrapper(f *elfview.File, s *elfview.Section) (kernelFile, error) {
	n, err := f.Size(s)
	if err == nil && n > maxImage {
		err = fmt.Errorf("section %s has %d bytes, at most %d are read", s.Name, n, maxImage)
	}
	if err != nil {
		return kernelFile{}, err
	}
	b, err := f.Data(s)
	if err != nil {
		return kernelFile{}, err
	}
	k, err := kernelFromStreams(b)
	k.machine = cmp.Or(k.machine, f.Machine) // that of powerpc is for 32 bits, whatever is in it
	if err != nil {
		return k, fmt.Errorf("section %s: %w", s.Name, err)
	}
	return k, nil
}

// kernelFromFlat searches an image without sections for BTF. Of several blobs the
// largest that reads as BTF without a base is vmlinux's; others may be those of
// modules in a file system within the image. The result does not alias b.
func kernelFromFlat(b []byte) (kernelFile, error) {
	type blob struct {
		off  int // index into b
		size int
	}
	var blobs []blob
	for _, big := range []bool{false, true} {
		// Magic, version and flags.
		start := append(byteOrder(big).AppendUint16(nil, btfMagic), 1, 0)
		for off := 0; ; off++ {
			i := bytes.Index(b[off:], start)
			if i < 0 {
				break
			}
			off += i
			h, err := readBTFHeader(b[off:])
			if err != nil || h.size > min(maxBTF, uint64(len(b)-off)) || h.strsLen == 0 || b[off+int(h.strs)] != 0 {
				continue
			}
			blobs = append(blobs, blob{off, int(h.size)})
		}
	}
	slices.SortStableFunc(blobs, func(x, y blob) int { return cmp.Compare(y.size, x.size) })
	why := errors.New("no BTF in it")
	left := 2 * len(b) // bytes to read in all: blobs of a forged image may overlap
	for _, x := range blobs {
		if left -= x.size; left < 0 {
			break
		}
		data := b[x.off : x.off+x.size]
		if _, err := btf.Read(data, nil); err != nil {
			why = fmt.Errorf("BTF at %#x: %w", x.off, err)
			continue
		}
		k := kernelFile{btf: bytes.Clone(data), form: "raw BTF"}
		k.big = byteOrder(true).Uint16(data) == btfMagic
		k.release = bannerRelease(b)
		return k, nil
	}
	return kernelFile{buildID: bytes.Clone(searchBuildID(b))}, why
}

// bannerRelease returns the release in the kernel's banner (init/version.c:
// linux_banner), or "".
func bannerRelease(b []byte) string {
	start := []byte("Linux version ")
	for {
		_, rest, found := bytes.Cut(b, start)
		if !found {
			return ""
		}
		if word, _, ok := bytes.Cut(rest[:min(len(rest), maxRelease+1)], []byte(" ")); ok && len(word) > 0 && '0' <= word[0] && word[0] <= '9' {
			return string(word)
		}
		b = rest
	}
}
