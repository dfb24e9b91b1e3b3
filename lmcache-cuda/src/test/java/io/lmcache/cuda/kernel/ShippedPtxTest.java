package io.lmcache.cuda.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class ShippedPtxTest {
    private static final Path NVRTC = Path.of("target/nvrtc/nvidia/cuda_nvrtc/lib/libnvrtc.so.11.2");

    static List<String> files() {
        return KernelCompiler.KERNEL_FILES;
    }

    @ParameterizedTest
    @MethodSource("files")
    void namesTheSourceThatItWasBuiltFrom(String file) throws IOException {
        assertThat(shipped(file))
                .as("run scripts/build-kernels after a change of the source")
                .startsWith(KernelCompiler.header(source(file)));
    }

    @ParameterizedTest
    @MethodSource("files")
    void loadsOnDriversOfCuda12(String file) throws IOException {
        Matcher version =
                Pattern.compile("^\\.version (\\d+)\\.\\d+$", Pattern.MULTILINE).matcher(shipped(file));
        assertThat(version.find()).isTrue();
        assertThat(version.group(1)).isEqualTo("7");
    }

    @ParameterizedTest
    @MethodSource("files")
    void isWhatThePinnedCompilerMakesOfTheSource(String file) throws IOException {
        assumeTrue(Files.exists(NVRTC), "no NVRTC here: run scripts/build-kernels once to fetch it");
        try (Arena arena = Arena.ofConfined()) {
            KernelCompiler compiler = new KernelCompiler(NVRTC.toAbsolutePath(), arena);
            assertThat(shipped(file)).isEqualTo(compiler.ptx(source(file)));
        }
    }

    private static Path source(String file) {
        return Path.of("src/main/cuda", file + ".cu");
    }

    private static String shipped(String file) throws IOException {
        try (InputStream ptx = ShippedPtxTest.class.getResourceAsStream(file + ".ptx")) {
            return new String(ptx.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
