package io.lmcache.backend.gds.cufile;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A kind of storage that GPUs can reach past the CPU where the driver supports it. Immutable and thread-safe. */
public enum DirectTarget {
    /** A Lustre file system. */
    LUSTRE(0),
    /** A WekaFS file system. */
    WEKAFS(1),
    /** NFS over RDMA. */
    NFS(2),
    /** IBM Storage Scale. */
    GPFS(3),
    /** A local file system on an NVMe drive. */
    NVME(4),
    /** A BeeGFS file system. */
    BEEGFS(9);

    private final int statusBit;

    DirectTarget(int statusBit) {
        this.statusBit = statusBit;
    }

    /** The bit of {@code CUfileDriverStatusFlags} that tells whether nvidia-fs supports it. */
    int statusBit() {
        return statusBit;
    }

    /**
     * The kind of storage under a directory, as far as the file system's name and device tell. What they leave open, such
     * as an NVMe drive behind the device mapper, counts as none: better to call a direct path compatible than the reverse.
     */
    public static Optional<DirectTarget> under(Path directory) throws IOException {
        FileStore store = Files.getFileStore(directory);
        return switch (store.type()) {
            case "lustre" -> Optional.of(LUSTRE);
            case "wekafs" -> Optional.of(WEKAFS);
            case "nfs", "nfs4" -> Optional.of(NFS);
            case "gpfs" -> Optional.of(GPFS);
            case "beegfs" -> Optional.of(BEEGFS);
            case "ext4", "xfs" -> store.name().startsWith("/dev/nvme") ? Optional.of(NVME) : Optional.empty();
            default -> Optional.empty();
        };
    }
}
