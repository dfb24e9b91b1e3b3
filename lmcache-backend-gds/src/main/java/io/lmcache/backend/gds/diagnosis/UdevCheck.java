package io.lmcache.backend.gds.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.backend.gds.cufile.CufileException;
import io.lmcache.chunkfiles.diagnosis.MountPoint;
import java.nio.file.Files;
import java.util.Set;

/**
 * What udev's database says of the block device under a directory. libcufile looks there for the kind of file system, and
 * refuses to register files (5027, in containers 5030) where it finds nothing. Immutable and thread-safe.
 *
 * @param machine where it runs
 * @param mount what the directory lies on
 */
public record UdevCheck(Machine machine, MountPoint mount) {
    private static final Set<Integer> REFUSALS = Set.of(5027, 5030);
    private static final String CONTROL = "/run/udev/control";

    /** Whether libcufile finds what it looks for. */
    boolean isComplete() {
        return !mount.isOnBlockDevice() || (Files.exists(machine.file(CONTROL)) && hasEntry());
    }

    private String entry() {
        return "/run/udev/data/b" + mount.device();
    }

    private boolean hasEntry() {
        return machine.text(entry())
                .filter(text -> text.contains("E:ID_FS_USAGE=") && text.contains("E:ID_FS_TYPE="))
                .isPresent();
    }

    /** What libcufile finds there. */
    public Finding finding() {
        if (!mount.isOnBlockDevice()) {
            return Finding.ok(
                    "udev data", mount.source() + " (" + mount.type() + ") is no block device, and needs none");
        }
        return isComplete()
                ? Finding.ok("udev data", entry() + " tells libcufile the file system of " + mount.source())
                : Finding.note("udev data", missing() + ": libcufile refuses files on " + mount.source(), remedy());
    }

    private String missing() {
        return hasEntry() ? "there is no " + CONTROL : entry() + " has no ID_FS_USAGE and ID_FS_TYPE, or is not there";
    }

    /** Whether what is missing there explains the failure. */
    public boolean explains(Exception failure) {
        return failure instanceof CufileException refusal && REFUSALS.contains(refusal.code()) && !isComplete();
    }

    /** How to make it complete. */
    public String remedy() {
        return "run udev, or in a container mount the host's (-v /run/udev:/run/udev:ro); where there is none, create "
                + CONTROL + ", and " + entry() + " with the lines E:ID_FS_USAGE=filesystem and E:ID_FS_TYPE="
                + mount.type();
    }
}
