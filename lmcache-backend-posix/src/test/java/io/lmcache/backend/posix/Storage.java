package io.lmcache.backend.posix;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A file system of some kind for a test, mounted below a folder of the test's own, and its ways in: with several, each is
 * a mount of its own, as if on another machine. Needs root for most kinds. For one thread.
 */
final class Storage implements AutoCloseable {
    /** The kinds of file systems. */
    enum Kind {
        /** Where temporary files are. */
        DISK,
        TMPFS,
        OVERLAY,
        XFS,
        BTRFS,
        /** Two mounts of one directory through an SSH server on this machine. */
        SSHFS
    }

    /** That file system cannot be had here; the message says why. */
    static final class UnavailableException extends IOException {
        private static final long serialVersionUID = 1;

        UnavailableException(String reason) {
            super(reason);
        }
    }

    private static final String IMAGE_BYTES = "512M";
    private static final int COMMAND_SECONDS = 60;

    private final Path folder;
    private final List<Path> ways = new ArrayList<>();
    private final Deque<Closeable> cleanup = new ArrayDeque<>();

    private Storage(Path folder) {
        this.folder = folder;
    }

    /** Mounts such a file system below the folder. */
    static Storage open(Kind kind, Path folder) throws IOException {
        Storage storage = new Storage(folder);
        boolean opened = false;
        try {
            storage.mount(kind);
            opened = true;
            return storage;
        } finally {
            if (!opened) {
                storage.close();
            }
        }
    }

    /** The directories by which it is reached. */
    List<Path> ways() {
        return Collections.unmodifiableList(ways);
    }

    private void mount(Kind kind) throws IOException {
        switch (kind) {
            case DISK -> ways.add(directory("disk"));
            case TMPFS -> mountAt(directory("tmpfs"), "-t", "tmpfs", "-o", "size=" + IMAGE_BYTES, "tmpfs");
            case OVERLAY -> mountOverlay();
            case XFS -> mountImage("mkfs.xfs", "-q");
            case BTRFS -> mountImage("mkfs.btrfs", "-q");
            case SSHFS -> mountThroughSsh();
        }
    }

    private Path directory(String name) throws IOException {
        return Files.createDirectory(folder.resolve(name));
    }

    private void mountAt(Path target, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("mount"));
        command.addAll(List.of(arguments));
        command.add(target.toString());
        run(command.toArray(String[]::new));
        cleanup.push(() -> run("umount", target.toString()));
        ways.add(target);
    }

    private void mountOverlay() throws IOException {
        String options = "lowerdir=%s,upperdir=%s,workdir=%s"
                .formatted(directory("lower"), directory("upper"), directory("work"));
        mountAt(directory("overlay"), "-t", "overlay", "-o", options, "overlay");
    }

    private void mountImage(String... makeFileSystem) throws IOException {
        String image = folder.resolve("image").toString();
        run("truncate", "-s", IMAGE_BYTES, image);
        List<String> command = new ArrayList<>(List.of(makeFileSystem));
        command.add(image);
        run(command.toArray(String[]::new));
        mountAt(directory("mount"), "-o", "loop", image);
    }

    private void mountThroughSsh() throws IOException {
        Path hostKey = key("host");
        Path userKey = key("user");
        int port = freePort();
        startServer(port, hostKey, userKey);
        Path shared = directory("shared");
        String options = "IdentityFile=" + userKey
                + ",StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,LogLevel=ERROR,reconnect";
        for (String name : List.of("one", "two")) {
            Path target = directory(name);
            run("sshfs", "-p", Integer.toString(port), "-o", options, "127.0.0.1:" + shared, target.toString());
            cleanup.push(() -> run("fusermount3", "-u", target.toString()));
            ways.add(target);
        }
    }

    private Path key(String name) throws IOException {
        Path key = folder.resolve(name);
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.toString());
        return key;
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private void startServer(int port, Path hostKey, Path userKey) throws IOException {
        // The directory without which it does not start; a system that runs one has it.
        Files.createDirectories(Path.of("/run/sshd"));
        Path settings = Files.writeString(folder.resolve("sshd.conf"), """
                Port %d
                ListenAddress 127.0.0.1
                HostKey %s
                AuthorizedKeysFile %s.pub
                StrictModes no
                UsePAM no
                PermitRootLogin yes
                PasswordAuthentication no
                PidFile none
                Subsystem sftp internal-sftp
                """.formatted(port, hostKey, userKey));
        Process server;
        try {
            server = new ProcessBuilder("/usr/sbin/sshd", "-D", "-e", "-f", settings.toString())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            throw new UnavailableException("sshd cannot be run: " + e.getMessage());
        }
        cleanup.push(() -> {
            server.destroy();
            hasEnded(server);
        });
        awaitListening(server);
    }

    private static void awaitListening(Process server) throws IOException {
        BufferedReader log = server.inputReader();
        String said = "nothing";
        for (String line = log.readLine(); line != null; line = log.readLine()) {
            if (line.contains("Server listening")) {
                return;
            }
            said = line;
        }
        throw new UnavailableException("sshd ends and says " + said);
    }

    private void run(String... command) throws IOException {
        Path output = folder.resolve("output");
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
        } catch (IOException e) {
            throw new UnavailableException(command[0] + " cannot be run: " + e.getMessage());
        }
        if (!hasEnded(process)) {
            process.destroyForcibly();
            throw new UnavailableException(command[0] + " does not end");
        }
        if (process.exitValue() != 0) {
            throw new UnavailableException(
                    String.join(" ", command) + ": " + Files.readString(output).strip());
        }
    }

    private static boolean hasEnded(Process process) throws InterruptedIOException {
        try {
            return process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("while waiting for " + process);
        }
    }

    /** Unmounts everything. */
    @Override
    public void close() throws IOException {
        List<IOException> failures = new ArrayList<>();
        while (!cleanup.isEmpty()) {
            try {
                cleanup.pop().close();
            } catch (IOException e) {
                failures.add(e);
            }
        }
        if (!failures.isEmpty()) {
            IOException first = failures.removeFirst();
            failures.forEach(first::addSuppressed);
            throw first;
        }
    }
}
