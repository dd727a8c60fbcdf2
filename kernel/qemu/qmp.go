package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// monitor is QEMU's monitor, spoken to in JSON
// (docs/interop/qmp-spec.txt of QEMU).
type monitor struct {
	conn *net.UnixConn
	in   *json.Decoder
}

// monitorWithin is how long QEMU may take to answer.
const monitorWithin = 30 * time.Second

// openMonitor greets QEMU at the other end of a socket.
func openMonitor(socket *os.File) (*monitor, error) {
	conn, err := net.FileConn(socket)
	if err != nil {
		return nil, fmt.Errorf("open QEMU's monitor: %w", err)
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("open QEMU's monitor: no unix socket"), conn.Close())
	}
	m := &monitor{conn: unixConn, in: json.NewDecoder(unixConn)}
	if err := conn.SetDeadline(time.Now().Add(monitorWithin)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var greeting struct {
		QMP json.RawMessage `json:"QMP"`
	}
	if err := m.in.Decode(&greeting); err != nil || greeting.QMP == nil {
		return nil, errors.Join(fmt.Errorf("QEMU's monitor does not greet: %v", err), conn.Close())
	}
	if err := m.command("qmp_capabilities", nil, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

// answer is a message of QEMU's: to a command, or an event.
type answer struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// command runs a command; a file goes with it if there is one.
func (m *monitor) command(name string, arguments any, file *os.File) error {
	message := map[string]any{"execute": name}
	if arguments != nil {
		message["arguments"] = arguments
	}
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("QEMU's monitor: encode %s: %w", name, err)
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	if _, _, err := m.conn.WriteMsgUnix(text, rights, nil); err != nil {
		return fmt.Errorf("QEMU's monitor: %s: %w", name, err)
	}
	for {
		var a answer
		if err := m.in.Decode(&a); err != nil {
			return fmt.Errorf("QEMU's monitor: %s: %w", name, hungUp(err))
		}
		switch {
		case a.Error != nil:
			return fmt.Errorf("QEMU's monitor: %s: %s", name, a.Error.Desc)
		case a.Return != nil:
			return nil
		}
	}
}

// hungUp tells what the end of the connection means.
func hungUp(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrGone
	}
	return err
}

// capability is a way of saving and restoring.
type capability struct {
	Capability string `json:"capability"`
	State      bool   `json:"state"`
}

// withoutMemory leaves shared memory out of the state: it is in its file.
func (m *monitor) withoutMemory() error {
	return m.command("migrate-set-capabilities", map[string][]capability{"capabilities": {{"events", true}, {"x-ignore-shared", true}}}, nil)
}

// save writes the state of a guest, which stops, to a file: all but its memory
// and its disk.
func (m *monitor) save(state *os.File) error {
	err := m.command("stop", nil, nil)
	if err == nil {
		err = m.withoutMemory()
	}
	if err == nil {
		err = m.command("getfd", map[string]string{"fdname": "state"}, state)
	}
	if err == nil {
		err = m.command("migrate", map[string]string{"uri": "fd:state"}, nil)
	}
	if err != nil {
		return err
	}
	return m.migrated()
}

// restore has a guest that waits for it go on from the state at a descriptor.
func (m *monitor) restore(fd int) error {
	err := m.withoutMemory()
	if err == nil {
		err = m.command("migrate-incoming", map[string]string{"uri": fmt.Sprintf("fd:%d", fd)}, nil)
	}
	if err == nil {
		err = m.migrated()
	}
	if err != nil {
		return err
	}
	// The state is that of a guest that was stopped.
	return m.command("cont", nil, nil)
}

// migrated waits until the state is written or read.
func (m *monitor) migrated() error {
	for {
		var a answer
		if err := m.in.Decode(&a); err != nil {
			return fmt.Errorf("QEMU's monitor: wait for the guest's state: %w", hungUp(err))
		}
		if a.Event != "MIGRATION" {
			continue
		}
		var now struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(a.Data, &now); err != nil {
			return fmt.Errorf("QEMU's monitor: decode an event: %w", err)
		}
		switch now.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("QEMU's monitor: the guest's state: %s", now.Status)
		}
	}
}

func (m *monitor) close() error { return m.conn.Close() }
