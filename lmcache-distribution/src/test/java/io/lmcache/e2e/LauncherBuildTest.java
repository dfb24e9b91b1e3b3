package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.lmcache.e2e.Processes.Finished;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher in a checkout, whose build is a script here. */
class LauncherBuildTest {
    @TempDir
    private Path directory;

    private Path checkout;

    @BeforeEach
    void makeACheckout() throws Exception {
        checkout = Files.createDirectories(directory.resolve("my checkout"));
        Files.createDirectories(checkout.resolve("scripts"));
        copy("lmcache");
        copy("scripts/find-jdk.sh");
    }

    private void copy(String file) throws Exception {
        Files.copy(Documents.PROJECT.resolve(file), checkout.resolve(file));
        assertThat(checkout.resolve(file).toFile().setExecutable(true)).isTrue();
    }

    private void writeBuild(String script) throws Exception {
        Path mvnw = Files.writeString(checkout.resolve("mvnw"), "#!/bin/sh\n" + script);
        assertThat(mvnw.toFile().setExecutable(true)).isTrue();
    }

    @Test
    void aBuildShowsTheModulesThatItComesTo() throws Exception {
        writeBuild("""
                echo "[INFO] Scanning for projects..."
                echo "[INFO] Building lmcache-api 0.1.0                                    [2/14]"
                echo "[INFO]   from lmcache-api/pom.xml"
                echo "[INFO] Building LMCache Backend: host memory 0.1.0                     [3/14]"
                mkdir -p lmcache-distribution/target/lmcache/lib
                """);
        Finished first = lmcache();
        assertThat(first.err())
                .startsWith("building LMCache (first run or sources changed;")
                .contains("\n  [2/14] lmcache-api\n  [3/14] LMCache Backend: host memory\n")
                .doesNotContain("INFO");
        assertThat(checkout.resolve("target/launcher-build.log")).content().contains("Scanning for projects");
        assertThat(lmcache().err()).doesNotContain("building");
    }

    @Test
    void aBuildThatFailsShowsItsEnd() throws Exception {
        writeBuild("echo '[ERROR] no such symbol'; exit 3");
        Finished failed = lmcache();
        assertThat(failed.status()).isEqualTo(2);
        assertThat(failed.err())
                .contains("[ERROR] no such symbol", "lmcache: the build failed; all of its output is in " + checkout);
    }

    @Test
    void aCheckoutThatNobodyMayWriteToIsASentence() throws Exception {
        writeBuild("exit 0");
        Files.setPosixFilePermissions(checkout, PosixFilePermissions.fromString("r-xr-xr-x"));
        try {
            assumeFalse(Files.isWritable(checkout), "this user writes everywhere");
            Finished refused = lmcache();
            assertThat(refused.status()).isEqualTo(2);
            assertThat(refused.err())
                    .isEqualTo("lmcache: a build is needed, but this user may not write to " + checkout
                            + ": make that possible, or copy it to another place.\n");
        } finally {
            Files.setPosixFilePermissions(checkout, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    private Finished lmcache() throws Exception {
        return Processes.run(List.of(checkout.resolve("lmcache").toString(), "--version"), Map.of());
    }
}
