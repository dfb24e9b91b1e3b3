package io.lmcache.chunkfiles.diagnosis;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountPointTest {
    @TempDir
    private Path folder;

    private MountPoint under(Path directory, String... lines) throws IOException {
        Path table = Files.write(folder.resolve("mountinfo"), List.of(lines));
        return MountPoint.under(directory, table).orElseThrow();
    }

    @Test
    void theDeepestMountAboveTheDirectoryWins() throws IOException {
        Path data = Files.createDirectories(folder.resolve("data")).toRealPath();
        Path cache = Files.createDirectories(data.resolve("cache"));
        MountPoint mount = under(
                cache,
                "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard",
                "60 27 259:1 /sub " + data + " rw,noatime shared:1 master:2 - xfs /dev/nvme0n1p1 rw,attr2",
                "61 27 0:44 / " + cache + "2 rw - tmpfs tmpfs rw");
        assertThat(mount).isEqualTo(new MountPoint(data, "259:1", "xfs", "/dev/nvme0n1p1", "rw,noatime,attr2"));
        assertThat(mount.isOnBlockDevice()).isTrue();
        assertThat(mount.describe()).isEqualTo("xfs on /dev/nvme0n1p1, mounted at " + data + " (rw,noatime,attr2)");
    }

    @Test
    void ofSeveralOnOneDirectoryTheLastHidesTheOthers() throws IOException {
        MountPoint mount = under(
                folder, "27 1 254:0 / / rw - ext4 /dev/vda rw", "60 27 0:44 / / rw - overlay overlay rw,lowerdir=a");
        assertThat(mount.type()).isEqualTo("overlay");
        assertThat(mount.isOnBlockDevice()).isFalse();
    }

    @Test
    void escapedNamesAreRead() throws IOException {
        Path data = Files.createDirectories(folder.resolve("my data")).toRealPath();
        String escaped = data.toString().replace(" ", "\\040");
        assertThat(under(data, "60 27 0:50 / " + escaped + " rw - nfs4 nas:/a\\040b rw,vers=4.2"))
                .isEqualTo(new MountPoint(data, "0:50", "nfs4", "nas:/a b", "rw,vers=4.2"));
    }

    @Test
    void thisMachinesOwnTableIsUnderstood() throws IOException {
        assertThat(MountPoint.under(Path.of("/proc"), MountPoint.MOUNT_TABLE))
                .hasValueSatisfying(mount -> assertThat(mount.type()).isEqualTo("proc"));
    }
}
