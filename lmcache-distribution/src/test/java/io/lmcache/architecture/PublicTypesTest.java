package io.lmcache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.File;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the types have in common that embedders and authors of backends see. */
class PublicTypesTest {
    /** In a log or a debugger, an object that prints as its hash code says nothing. */
    @Test
    void everyOneWithInstancesPrintsItself() {
        assertThat(exportedTypes().filter(PublicTypesTest::hasInstances))
                .isNotEmpty()
                .allSatisfy(type -> assertThat(type.getAllMethods().stream()
                                .filter(method -> method.getName().equals("toString")
                                        && method.getRawParameterTypes().isEmpty())
                                .map(method -> method.getOwner().getFullName()))
                        .as(type.getFullName())
                        .anyMatch(owner -> !owner.equals("java.lang.Object")));
    }

    private static Stream<JavaClass> exportedTypes() {
        Set<String> packages = productModules()
                .flatMap(module -> module.exports().stream())
                .filter(exports -> !exports.isQualified())
                .map(ModuleDescriptor.Exports::source)
                .collect(Collectors.toSet());
        return new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests()).importPackages(packages).stream()
                        .filter(type -> packages.contains(type.getPackageName()))
                        .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC));
    }

    private static Stream<ModuleDescriptor> productModules() {
        Path[] path = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(Path::of)
                .toArray(Path[]::new);
        return ModuleFinder.of(path).findAll().stream()
                .map(module -> module.descriptor())
                .filter(module -> module.name().startsWith("io.lmcache."));
    }

    /** Outside of itself: a class may have instances that nobody else ever sees. */
    private static boolean hasInstances(JavaClass type) {
        return !type.isInterface()
                && type.getMethods().stream().noneMatch(method -> method.isAnnotatedWith(Test.class))
                && (type.getConstructors().stream().anyMatch(PublicTypesTest::isVisible)
                        || type.getMethods().stream()
                                .anyMatch(method -> isVisible(method)
                                        && !method.getModifiers().contains(JavaModifier.STATIC)));
    }

    private static boolean isVisible(JavaCodeUnit member) {
        return member.getModifiers().contains(JavaModifier.PUBLIC)
                || member.getModifiers().contains(JavaModifier.PROTECTED);
    }
}
