package io.lmcache.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuBackendProviderTest {
    private static final BackendContext CONTEXT = new BackendContext("test", Clock.systemUTC());

    @Test
    void serviceLoaderFindsItOnTheClassPath() {
        assertThat(ServiceLoader.load(StorageBackendProvider.class))
                .hasAtLeastOneElementOfType(CpuBackendProvider.class);
    }

    @Test
    void moduleDescriptorDeclaresItToo() throws URISyntaxException {
        Path classes = Path.of(CpuBackendProvider.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        ModuleDescriptor module = ModuleFinder.of(classes)
                .find("io.lmcache.backend.cpu")
                .orElseThrow()
                .descriptor();

        assertThat(module.provides()).singleElement().satisfies(provides -> {
            assertThat(provides.service()).isEqualTo(StorageBackendProvider.class.getName());
            assertThat(provides.providers()).containsExactly(CpuBackendProvider.class.getName());
        });
    }

    @Test
    void makesATierOfTheSize() {
        try (StorageBackend backend = create(Map.of("max_local_cpu_size", "1 MiB", "cache_policy", "FIFO"))) {
            assertThat(backend.name()).isEqualTo("cpu");
            assertThat(backend.stats().limitBytes()).isEqualTo(1 << 20);
        }
    }

    @Test
    void usualSizeIsAtMostHalfOfASmallMachine() {
        assertThat(CpuBackendProvider.usualSize(64 * ByteSize.GIB)).hasToString("5 GiB");
        assertThat(CpuBackendProvider.usualSize(4 * ByteSize.GIB)).hasToString("2 GiB");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "4095 B"})
    void sizeOfNothingNamesTheSettings(String size) {
        assertInvalid(Map.of("max_local_cpu_size", size), "max_local_cpu_size is", "4 KiB", "local_cpu");
    }

    @Test
    void sizeBeyondTheMachineNamesBothSizesAndTheSetting() {
        assertInvalid(Map.of("max_local_cpu_size", "1000000 TB"), "1000000 TiB", "max_local_cpu_size", "lower it");
    }

    @Test
    void sizeThatIsNoneNamesWhatIsAllowed() {
        assertInvalid(Map.of("max_local_cpu_size", "lots"), "max_local_cpu_size", "lots", "512 MiB");
        assertInvalid(Map.of("max_local_cpu_size", "-1"), "max_local_cpu_size", "-1");
    }

    @Test
    void unknownPolicyNamesThoseThereAre() {
        assertInvalid(Map.of("cache_policy", "arc"), "arc", "lru", "lfu", "fifo", "mru");
    }

    private static void assertInvalid(Map<String, String> settings, String... mentioned) {
        assertThatThrownBy(() -> create(settings))
                .hasMessageContainingAll(mentioned)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CONFIGURATION));
    }

    private static StorageBackend create(Map<String, String> settings) {
        return new CpuBackendProvider().create(BackendSettings.of("cpu", settings), CONTEXT);
    }
}
