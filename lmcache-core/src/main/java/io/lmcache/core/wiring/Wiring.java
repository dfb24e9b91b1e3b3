package io.lmcache.core.wiring;

import com.google.inject.CreationException;
import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Module;
import com.google.inject.ProvisionException;
import com.google.inject.Stage;
import com.google.inject.spi.Message;
import io.lmcache.api.LmcacheException;
import java.util.Collection;

/** Makes an object from modules, strictly: everything bound explicitly and made at once. Stateless and thread-safe. */
public final class Wiring {
    private Wiring() {}

    /**
     * The object of that type.
     *
     * @throws LmcacheException the one that a provider threw, without Guice's report around it
     */
    public static <T> T create(Module module, Class<T> type) {
        try {
            Injector injector = Guice.createInjector(
                    Stage.PRODUCTION,
                    binder -> {
                        binder.requireExplicitBindings();
                        binder.requireExactBindingAnnotations();
                        binder.disableCircularProxies();
                    },
                    module);
            return injector.getInstance(type);
        } catch (CreationException e) {
            throw causeOf(e.getErrorMessages(), e);
        } catch (ProvisionException e) {
            throw causeOf(e.getErrorMessages(), e);
        }
    }

    private static RuntimeException causeOf(Collection<Message> messages, RuntimeException report) {
        for (Message message : messages) {
            if (message.getCause() instanceof LmcacheException cause) {
                return cause;
            }
        }
        return report;
    }
}
