package io.lmcache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.spi.StorageBackendProvider;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Providers are declared twice, for the module path and for the class path; the two must not drift apart. */
class ServiceDeclarationTest {
    private static final String DESCRIPTOR = "module-info.class";
    private static final String SERVICE = StorageBackendProvider.class.getName();
    private static final String SERVICE_FILE = "META-INF/services/" + SERVICE;

    @Test
    void everyModulesServiceFileSaysWhatItsDescriptorSays() throws Exception {
        Set<String> declared = new HashSet<>();
        for (URL descriptor : resources(DESCRIPTOR)) {
            ModuleDescriptor module = read(descriptor);
            if (module.name().startsWith("io.lmcache.")) {
                Set<String> providers = providersOf(module);
                String root =
                        descriptor.toString().substring(0, descriptor.toString().length() - DESCRIPTOR.length());
                assertThat(providersIn(root)).as(module.name()).isEqualTo(providers);
                declared.addAll(providers);
            }
        }
        assertThat(declared).as("providers of cpu, posix and gds").hasSizeGreaterThanOrEqualTo(3);
    }

    private static Set<String> providersOf(ModuleDescriptor module) {
        return module.provides().stream()
                .filter(provides -> provides.service().equals(SERVICE))
                .flatMap(provides -> provides.providers().stream())
                .collect(Collectors.toSet());
    }

    private static Set<String> providersIn(String root) throws IOException {
        Set<String> providers = new HashSet<>();
        for (URL file : resources(SERVICE_FILE)) {
            if (file.toString().equals(root + SERVICE_FILE)) {
                providers.addAll(lines(file));
            }
        }
        return providers;
    }

    private static List<String> lines(URL file) throws IOException {
        try (InputStream in = file.openStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(line -> line.replaceAll("#.*", "").strip())
                    .filter(line -> !line.isEmpty())
                    .toList();
        }
    }

    private static ModuleDescriptor read(URL descriptor) throws IOException {
        try (InputStream in = descriptor.openStream()) {
            return ModuleDescriptor.read(in);
        }
    }

    private static List<URL> resources(String name) throws IOException {
        return Collections.list(ServiceDeclarationTest.class.getClassLoader().getResources(name));
    }
}
