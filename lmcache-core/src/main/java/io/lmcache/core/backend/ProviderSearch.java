package io.lmcache.core.backend;

import io.lmcache.api.spi.StorageBackendProvider;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Finds providers of storage backends through class loaders, and says of what cannot be loaded where it is and why. */
final class ProviderSearch {
    private static final String DECLARATION = "META-INF/services/" + StorageBackendProvider.class.getName();
    /** A class loader that can tell of no provider, but of failures without end, is given up. */
    private static final int MOST_FAILURES = 100;

    private final List<StorageBackendProvider> found = new ArrayList<>();
    private final Set<Class<?>> types = new HashSet<>();
    private final Set<String> failures = new HashSet<>();

    /** Adds what that class loader knows and those asked before did not; null is the system's. */
    void through(@Nullable ClassLoader loader) {
        Iterator<ServiceLoader.Provider<StorageBackendProvider>> providers =
                ServiceLoader.load(StorageBackendProvider.class, loader).stream()
                        .iterator();
        for (int failed = 0; failed < MOST_FAILURES; ) {
            try {
                if (!providers.hasNext()) {
                    return;
                }
                ServiceLoader.Provider<StorageBackendProvider> provider = providers.next();
                if (!types.contains(provider.type())) {
                    found.add(provider.get());
                    types.add(provider.type());
                }
            } catch (ServiceConfigurationError | LinkageError e) {
                failures.add(described(e, loader));
                failed++;
            }
        }
    }

    List<StorageBackendProvider> found() {
        return found;
    }

    List<String> failures() {
        return failures.stream().sorted().toList();
    }

    private static String described(Error failure, @Nullable ClassLoader loader) {
        String cause = failure.getMessage() + (failure.getCause() == null ? "" : ", because of " + failure.getCause());
        return declarations(loader).stream()
                        .filter(declaration -> names(declaration).stream().anyMatch(name -> mentions(cause, name)))
                        .findFirst()
                        .map(declaration -> declaration + ": " + cause)
                        .orElse(cause)
                + " (rebuild or remove that jar)";
    }

    /** Class names in the messages of the JVM have slashes. */
    private static boolean mentions(String message, String className) {
        return message.contains(className) || message.contains(className.replace('.', '/'));
    }

    private static List<URL> declarations(@Nullable ClassLoader loader) {
        try {
            return Collections.list(
                    loader == null ? ClassLoader.getSystemResources(DECLARATION) : loader.getResources(DECLARATION));
        } catch (IOException e) {
            return List.of();
        }
    }

    private static List<String> names(URL declaration) {
        try {
            URLConnection connection = declaration.openConnection();
            connection.setUseCaches(false);
            try (BufferedReader reader =
                    new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
                return reader.lines()
                        .map(line -> line.split("#", 2)[0].strip())
                        .filter(line -> !line.isEmpty())
                        .toList();
            }
        } catch (IOException e) {
            return List.of();
        }
    }
}
