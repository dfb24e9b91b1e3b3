package io.lmcache.core.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.core.storage.MemoryTier;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BackendRegistryTest {
    private static final BackendContext CONTEXT = new BackendContext("test", Clock.systemUTC());

    @Test
    void makesTheBackendOfThatNameWithItsSettings() {
        BackendRegistry registry = new BackendRegistry(List.of(new Provider("one"), new Provider("two")));
        try (StorageBackend backend =
                registry.create("two", "two", BackendSettings.of("two", Map.of("capacity", "8192")), CONTEXT)) {
            assertThat(backend.stats().limitBytes()).isEqualTo(8192);
        }
    }

    @Test
    void anUnknownNameListsThoseThatThereAre() {
        BackendRegistry registry = new BackendRegistry(List.of(new Provider("one"), new Provider("two")));
        assertThatThrownBy(() -> registry.create("three", "three", BackendSettings.of("three", Map.of()), CONTEXT))
                .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContaining("'three'")
                .hasMessageContaining("one, two")
                .hasMessageContaining("storage_plugins");
    }

    @Test
    void aTierAnswersToItsOwnNameWhateverItsKind() {
        BackendRegistry registry = new BackendRegistry(List.of(new Provider("one")));
        try (StorageBackend backend =
                registry.create("archive", "one", BackendSettings.of("archive", Map.of()), CONTEXT)) {
            assertThat(backend.name()).isEqualTo("archive");
        }
    }

    @Test
    void twoProvidersOfOneNameAreAnErrorThatNamesBothForThoseWhoAskForIt() {
        BackendRegistry registry =
                new BackendRegistry(List.of(new Provider("same"), new OtherProvider(), new Provider("other")));
        assertThatThrownBy(() -> create(registry, "same"))
                .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContaining(Provider.class.getName())
                .hasMessageContaining(OtherProvider.class.getName());
        create(registry, "other").close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Cpu", "1st", "my_backend", "a b"})
    void aMalformedNameIsToldToThoseWhoFindNoBackend(String name) {
        BackendRegistry registry = new BackendRegistry(List.of(new Provider(name), new Provider("other")));
        assertThatThrownBy(() -> create(registry, "mine"))
                .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContaining("'" + name + "'")
                .hasMessageContaining("[a-z][a-z0-9-]*");
        create(registry, "other").close();
    }

    @Test
    void aProviderThatReturnsNullIsOneSentence() {
        assertThatThrownBy(() -> create(new BackendRegistry(List.of(new Making(() -> null))), "made"))
                .hasFieldOrPropertyWithValue("code", ErrorCode.START_FAILED)
                .hasMessage("Backend 'made' could not start, by a fault of its own: create() of "
                        + Making.class.getName() + " returns null");
    }

    @Test
    void aProviderThatThrowsAnErrorIsOneSentence() {
        BackendRegistry registry = new BackendRegistry(List.of(new Making(() -> {
            throw new ExceptionInInitializerError("no library");
        })));
        assertThatThrownBy(() -> create(registry, "made"))
                .hasFieldOrPropertyWithValue("code", ErrorCode.START_FAILED)
                .hasMessage("Backend 'made' could not start, by a fault of its own: create() of "
                        + Making.class.getName() + " throws java.lang.ExceptionInInitializerError: no library")
                .hasCauseInstanceOf(ExceptionInInitializerError.class);
    }

    @Test
    void aPluginThatCannotBeLoadedHurtsOnlyThoseWhoAskForItAndIsNamedWithItsCause(@TempDir Path folder)
            throws IOException {
        Path declaration = folder.resolve("META-INF/services/" + StorageBackendProvider.class.getName());
        Files.createDirectories(declaration.getParent());
        Files.writeString(declaration, "com.example.Gone\n" + Declared.class.getName() + "\n");
        try (URLClassLoader loader = new URLClassLoader(
                new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
            ProviderSearch search = new ProviderSearch();
            search.through(loader);
            search.through(loader);
            BackendRegistry registry = new BackendRegistry(search.found(), search.failures());
            create(registry, "declared").close();
            assertThatThrownBy(() -> create(registry, "gone"))
                    .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                    .hasMessageContaining("Available: cpu, declared, posix")
                    .hasMessageContaining(declaration.toUri().getPath())
                    .hasMessageContaining("com.example.Gone not found")
                    .hasMessageContaining("rebuild or remove that jar");
        }
    }

    private static StorageBackend create(BackendRegistry registry, String name) {
        return registry.create(name, name, BackendSettings.of(name, Map.of()), CONTEXT);
    }

    private record Making(Supplier<@Nullable StorageBackend> backend) implements StorageBackendProvider {
        @Override
        public String name() {
            return "made";
        }

        @Override
        public List<Option<?>> options() {
            return List.of();
        }

        @Override
        @SuppressWarnings("NullAway") // The fault that is tested.
        public StorageBackend create(BackendSettings settings, BackendContext context) {
            return backend.get();
        }
    }

    /** Found by its declaration in a folder that a test writes. */
    public static final class Declared implements StorageBackendProvider {
        @Override
        public String name() {
            return "declared";
        }

        @Override
        public List<Option<?>> options() {
            return List.of();
        }

        @Override
        public StorageBackend create(BackendSettings settings, BackendContext context) {
            return MemoryTier.memory(4096);
        }
    }

    private record Provider(String name) implements StorageBackendProvider {
        private static final Option<ByteSize> CAPACITY =
                Option.of("capacity", "4096", OptionType.bytes(1), "The size.");

        @Override
        public List<Option<?>> options() {
            return List.of(CAPACITY);
        }

        @Override
        public StorageBackend create(BackendSettings settings, BackendContext context) {
            return MemoryTier.memory(settings.value(CAPACITY).bytes());
        }
    }

    private static final class OtherProvider implements StorageBackendProvider {
        @Override
        public String name() {
            return "same";
        }

        @Override
        public List<Option<?>> options() {
            return List.of();
        }

        @Override
        public StorageBackend create(BackendSettings settings, BackendContext context) {
            throw new AssertionError("never made");
        }
    }
}
