package resume

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// limitSelf has nothing to do: the parent's job object limits the child.
func limitSelf() error { return nil }

// isolate keeps the child from flashing a console window.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
	cmd.Cancel = func() error { return kill(cmd) }
}

// kill ends the child; the job lets it have no children of its own.
func kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// job is a job object, whose processes end when it is closed.
type job windows.Handle

func (j job) Close() error { return windows.CloseHandle(windows.Handle(j)) }

// confine puts the child into a job object with limits on memory, processor
// time and the number of processes. It happens before the child gets the document.
func confine(p *os.Process) (io.Closer, error) {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("creating job object: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
				windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY | windows.JOB_OBJECT_LIMIT_PROCESS_TIME |
				windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
			PerProcessUserTimeLimit: 30 * 10_000_000, // 100 ns units; compiling PDFium included
			ActiveProcessLimit:      1,
		},
		ProcessMemoryLimit: 384 << 20, // committed, so more than what is resident
	}
	if _, err = windows.SetInformationJobObject(h, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		_ = windows.CloseHandle(h)
		return nil, fmt.Errorf("limiting job object: %w", err)
	}
	ph, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		_ = windows.CloseHandle(h)
		return nil, fmt.Errorf("opening the reader's process: %w", err)
	}
	defer windows.CloseHandle(ph)
	if err := windows.AssignProcessToJobObject(h, ph); err != nil {
		_ = windows.CloseHandle(h)
		return nil, fmt.Errorf("assigning to job object: %w", err)
	}
	return job(h), nil
}
