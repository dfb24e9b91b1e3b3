package io.lmcache.chunkfiles.diagnosis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LockCheckTest {
    private static final Path PATH = Path.of("/mnt/kv");

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ext4 | rw,relatime | OK | files can be locked",
                "nfs4 | rw,vers=4.2,local_lock=none | OK | for other machines too",
                "nfs | rw,vers=3,nolock | NOTE | other machines do not see the locks",
                "nfs | rw,vers=3,local_lock=all | NOTE | other machines do not see the locks",
                "nfs | rw,vers=3,local_lock=posix | NOTE | other machines do not see the locks",
                "nfs | rw,vers=3,local_lock=flock | OK | for other machines too",
            })
    void whoSeesTheLocksDependsOnTheMount(String type, String options, Status status, String text) {
        Finding locks = LockCheck.of(PATH, Optional.of(new MountPoint(PATH, "0:50", type, "server:/kv", options)));
        assertThat(locks.status()).isEqualTo(status);
        assertThat(locks.text()).startsWith(PATH + ": ").contains(text);
        assertThat(locks.remedy().isEmpty()).isEqualTo(status == Status.OK);
    }
}
