package io.lmcache.core.storage;

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
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BackendRegistryTest {
    private static final BackendContext CONTEXT = new BackendContext("test", Clock.systemUTC());

    @Test
    void makesTheBackendOfThatNameWithItsSettings() {
        BackendRegistry registry = new BackendRegistry(List.of(new Provider("one"), new Provider("two")));
        try (StorageBackend backend =
                registry.create("two", BackendSettings.of("two", Map.of("capacity", "8192")), CONTEXT)) {
            assertThat(backend.stats().limitBytes()).isEqualTo(8192);
        }
    }

    @Test
    void anUnknownNameListsThoseThatThereAre() {
        BackendRegistry registry = new BackendRegistry(List.of(new Provider("one"), new Provider("two")));
        assertThatThrownBy(() -> registry.create("three", BackendSettings.of("three", Map.of()), CONTEXT))
                .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContaining("'three'")
                .hasMessageContaining("one, two")
                .hasMessageContaining("storage_plugins");
    }

    @Test
    void twoProvidersOfOneNameAreAnErrorThatNamesBoth() {
        assertThatThrownBy(() -> new BackendRegistry(List.of(new Provider("same"), new OtherProvider())))
                .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContaining(Provider.class.getName())
                .hasMessageContaining(OtherProvider.class.getName());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Cpu", "1st", "my_backend", "a b"})
    void aMalformedNameIsRefused(String name) {
        assertThatThrownBy(() -> new BackendRegistry(List.of(new Provider(name))))
                .hasFieldOrPropertyWithValue("code", ErrorCode.UNKNOWN_BACKEND)
                .hasMessageContaining("[a-z][a-z0-9-]*");
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
