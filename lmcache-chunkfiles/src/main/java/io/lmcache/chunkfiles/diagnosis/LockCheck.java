package io.lmcache.chunkfiles.diagnosis;

import io.lmcache.api.spi.Finding;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/** Whether a file system has locks, by which writers of a directory know that others are alive. Stateless. */
public final class LockCheck {
    private static final String TOPIC = "locks";

    private LockCheck() {}

    /**
     * Tries one out.
     *
     * @param path what is examined
     * @param mount what the path lies on, as far as that is known
     * @param trial a directory there, for the trial
     */
    public static Finding of(Path path, Optional<MountPoint> mount, TrialDirectory trial) {
        try (FileChannel file = FileChannel.open(
                        trial.path().resolve("lock"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                FileLock lock = file.tryLock()) {
            return lock == null ? refused(path, "another process has it") : of(path, mount);
        } catch (IOException e) {
            return refused(path, Reason.of(e));
        }
    }

    private static Finding refused(Path path, String reason) {
        return Finding.note(
                TOPIC,
                path + ": files cannot be locked (" + reason + "), so what killed writers leave is not cleared away",
                "mount it with locks: Lustre with the option flock, NFS with a lock manager (rpc.statd), FUSE with locks");
    }

    static Finding of(Path path, Optional<MountPoint> mount) {
        if (mount.isEmpty() || !mount.get().type().startsWith("nfs")) {
            return Finding.ok(TOPIC, path + ": files can be locked");
        }
        String options = "," + mount.get().options() + ",";
        boolean isLocal = options.contains(",nolock,")
                || options.contains(",local_lock=all,")
                || options.contains(",local_lock=posix,");
        return isLocal
                ? Finding.note(
                        TOPIC,
                        path + ": other machines do not see the locks, take the writers here for dead, and remove what"
                                + " these are writing",
                        "mount it without nolock and local_lock, or let one machine alone write there")
                : Finding.ok(TOPIC, path + ": files can be locked, for other machines too");
    }
}
