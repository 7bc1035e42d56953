// The fast gate: operators resolved once, tensors borrowed, numbers carried.
#include "Error.hpp"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <torch/csrc/stable/c/shim.h>
#pragma clang diagnostic pop

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace {

enum class Kind : uint8_t {
    tensor, integer, floating, boolean, number, dtype, device, layout, format, string, generator, list, optional,
    nothing
};

/// An argument's or a result's type, read from the schema once.
struct Type {
    Kind kind = Kind::nothing;
    c10::TypePtr element;
    std::unique_ptr<Type> inner;

    explicit Type(const c10::TypePtr& type) {
        switch (type->kind()) {
            case c10::TypeKind::TensorType: kind = Kind::tensor; break;
            case c10::TypeKind::IntType:
            case c10::TypeKind::SymIntType: kind = Kind::integer; break;
            case c10::TypeKind::FloatType: kind = Kind::floating; break;
            case c10::TypeKind::BoolType: kind = Kind::boolean; break;
            case c10::TypeKind::NumberType: kind = Kind::number; break;
            case c10::TypeKind::ScalarTypeType: kind = Kind::dtype; break;
            case c10::TypeKind::DeviceObjType: kind = Kind::device; break;
            case c10::TypeKind::LayoutType: kind = Kind::layout; break;
            case c10::TypeKind::MemoryFormatType: kind = Kind::format; break;
            case c10::TypeKind::StringType: kind = Kind::string; break;
            case c10::TypeKind::GeneratorType: kind = Kind::generator; break;
            case c10::TypeKind::ListType:
                kind = Kind::list;
                element = type->castRaw<c10::ListType>()->getElementType();
                inner = std::make_unique<Type>(element);
                break;
            case c10::TypeKind::OptionalType:
                kind = Kind::optional;
                inner = std::make_unique<Type>(type->castRaw<c10::OptionalType>()->getElementType());
                break;
            default: TORCH_CHECK(false, "an argument of type ", type->str(), " cannot be passed from Swift");
        }
    }
};

c10::IValue list_to_ivalue(const Type& type, const std::vector<uint64_t>& elements);

/// Takes one value off the Swift side's stack. Lists, strings and optionals are freed; tensors are borrowed.
c10::IValue to_ivalue(const Type& type, uint64_t value) {
    switch (type.kind) {
        case Kind::tensor: return *reinterpret_cast<at::Tensor*>(value);
        case Kind::integer: return static_cast<int64_t>(value);
        case Kind::floating: {
            double result;
            std::memcpy(&result, &value, sizeof result);
            return result;
        }
        case Kind::boolean: return value != 0;
        case Kind::number: {
            const auto* number = reinterpret_cast<const fop_number*>(value);
            if (number->kind == 1) return static_cast<int64_t>(number->bits);
            double result;
            std::memcpy(&result, &number->bits, sizeof result);
            return result;
        }
        case Kind::dtype: return static_cast<int64_t>(value);
        case Kind::device:
            return c10::Device(
                static_cast<c10::DeviceType>(value >> 32), static_cast<c10::DeviceIndex>(static_cast<int32_t>(value)));
        case Kind::layout:
        case Kind::format: return static_cast<int64_t>(value);
        case Kind::string: {
            std::unique_ptr<std::string> text(reinterpret_cast<std::string*>(value));
            return *text;
        }
        case Kind::generator: return *reinterpret_cast<at::Generator*>(value);
        case Kind::list: {
            std::unique_ptr<std::vector<uint64_t>> list(reinterpret_cast<std::vector<uint64_t>*>(value));
            return list_to_ivalue(type, *list);
        }
        case Kind::optional: {
            if (value == 0) return {};
            auto* box = reinterpret_cast<StableIValue*>(value);
            auto result = to_ivalue(*type.inner, *box);
            torch_delete_stable_ivalue(box);
            return result;
        }
        case Kind::nothing: break;
    }
    return {};
}

c10::IValue list_to_ivalue(const Type& type, const std::vector<uint64_t>& elements) {
    switch (type.inner->kind) {
        case Kind::integer: {
            c10::List<int64_t> list;
            list.reserve(elements.size());
            for (auto element : elements) list.push_back(static_cast<int64_t>(element));
            return list;
        }
        case Kind::tensor: {
            c10::List<at::Tensor> list;
            list.reserve(elements.size());
            for (auto element : elements) list.push_back(*reinterpret_cast<at::Tensor*>(element));
            return list;
        }
        default: {
            c10::impl::GenericList list(type.element);
            list.reserve(elements.size());
            for (auto element : elements) list.push_back(to_ivalue(*type.inner, element));
            return list;
        }
    }
}

/// Frees an argument that was not taken off the stack. Tensors, generators and numbers are borrowed.
void discard_argument(const Type& type, uint64_t value) {
    switch (type.kind) {
        case Kind::string: delete reinterpret_cast<std::string*>(value); break;
        case Kind::list: {
            std::unique_ptr<std::vector<uint64_t>> list(reinterpret_cast<std::vector<uint64_t>*>(value));
            for (auto element : *list) discard_argument(*type.inner, element);
            break;
        }
        case Kind::optional:
            if (value == 0) break;
            discard_argument(*type.inner, *reinterpret_cast<StableIValue*>(value));
            torch_delete_stable_ivalue(reinterpret_cast<StableIValue*>(value));
            break;
        default: break;
    }
}

/// Frees a result that the Swift side will not see.
void discard_result(const Type& type, uint64_t value) {
    if (type.kind == Kind::tensor) delete reinterpret_cast<at::Tensor*>(value);
    if (type.kind == Kind::list) {
        std::unique_ptr<std::vector<uint64_t>> list(reinterpret_cast<std::vector<uint64_t>*>(value));
        for (auto element : *list) discard_result(*type.inner, element);
    }
}

uint64_t from_ivalue(const Type& type, c10::IValue&& value) {
    switch (type.kind) {
        case Kind::tensor: return reinterpret_cast<uint64_t>(new at::Tensor(std::move(value).toTensor()));
        case Kind::integer:
        case Kind::dtype: return static_cast<uint64_t>(value.toInt());
        case Kind::boolean: return value.toBool();
        case Kind::floating: {
            double number = value.toDouble();
            uint64_t bits;
            std::memcpy(&bits, &number, sizeof bits);
            return bits;
        }
        case Kind::list: {
            auto list = std::make_unique<std::vector<uint64_t>>();
            auto values = std::move(value).toList();
            list->reserve(values.size());
            for (size_t i = 0; i < values.size(); ++i) list->push_back(from_ivalue(*type.inner, values.extract(i)));
            return reinterpret_cast<uint64_t>(list.release());
        }
        default: TORCH_CHECK(false, "a result of this type cannot be passed to Swift");
    }
}

}  // namespace

namespace {

using Unary = at::Tensor(const at::Tensor&);
using Binary = at::Tensor(const at::Tensor&, const at::Tensor&);
using Scaled = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Scalar&);

/// The most frequent kinds of operators, called with C++ arguments instead of a stack of boxed ones.
struct Typed {
    std::optional<c10::TypedOperatorHandle<Unary>> unary;
    std::optional<c10::TypedOperatorHandle<Binary>> binary;
    std::optional<c10::TypedOperatorHandle<Scaled>> scaled;

    Typed(const c10::OperatorHandle& op, const std::vector<Type>& arguments, const std::vector<Type>& returns) {
        if (returns.size() != 1 || returns[0].kind != Kind::tensor || writes_or_shares(op.schema())) return;
        std::vector<Kind> kinds;
        for (const auto& argument : arguments) kinds.push_back(argument.kind);
        try {
            if (kinds == std::vector{Kind::tensor}) unary = op.typed<Unary>();
            if (kinds == std::vector{Kind::tensor, Kind::tensor}) binary = op.typed<Binary>();
            if (kinds == std::vector{Kind::tensor, Kind::tensor, Kind::number}) scaled = op.typed<Scaled>();
        } catch (const std::exception&) {
            // It was registered with another C++ signature: the boxed way takes all.
        }
    }

    /// Operators in place and views: their C++ signatures differ.
    static bool writes_or_shares(const c10::FunctionSchema& schema) {
        auto has_alias = [](const c10::Argument& argument) { return argument.alias_info() != nullptr; };
        return std::any_of(schema.arguments().begin(), schema.arguments().end(), has_alias)
            || std::any_of(schema.returns().begin(), schema.returns().end(), has_alias);
    }

    /// Calls the operator if it is of such a kind.
    bool call(uint64_t* stack) const {
        auto tensor = [stack](size_t i) -> const at::Tensor& { return *reinterpret_cast<const at::Tensor*>(stack[i]); };
        auto put = [stack](at::Tensor&& result) {
            stack[0] = reinterpret_cast<uint64_t>(new at::Tensor(std::move(result)));
            return true;
        };
        if (binary) return put(binary->call(tensor(0), tensor(1)));
        if (unary) return put(unary->call(tensor(0)));
        if (scaled) return put(scaled->call(tensor(0), tensor(1), to_scalar(stack[2])));
        return false;
    }

    static at::Scalar to_scalar(uint64_t value) {
        const auto* number = reinterpret_cast<const fop_number*>(value);
        if (number->kind == 1) return static_cast<int64_t>(number->bits);
        double result;
        std::memcpy(&result, &number->bits, sizeof result);
        return result;
    }
};

}  // namespace

struct AtenOperatorEntry {
    c10::OperatorHandle op;
    std::vector<Type> arguments;
    std::vector<Type> returns;
    std::unique_ptr<Typed> typed;

    /// Whether a caller that takes so many results off the stack leaves none behind that has to be freed.
    bool is_enough(uint64_t results) const {
        if (results > returns.size()) return false;
        for (size_t i = results; i < returns.size(); ++i) {
            if (returns[i].kind == Kind::tensor || returns[i].kind == Kind::list) return false;
        }
        return true;
    }
};

namespace {

std::unique_ptr<AtenOperatorEntry> resolve(const char* name, const char* overload) {
    auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    auto entry = std::make_unique<AtenOperatorEntry>(AtenOperatorEntry{op, {}, {}, nullptr});
    for (const auto& argument : op.schema().arguments()) entry->arguments.emplace_back(argument.real_type());
    for (const auto& result : op.schema().returns()) entry->returns.emplace_back(result.real_type());
    entry->typed = std::make_unique<Typed>(op, entry->arguments, entry->returns);
    return entry;
}

/// The entry in the slot, made at the first call. Of threads that come at once, the first one's stays.
const AtenOperatorEntry& entry_in(AtenOperatorEntry** slot, const char* name, const char* overload) {
    if (auto* entry = __atomic_load_n(slot, __ATOMIC_ACQUIRE)) return *entry;
    auto fresh = resolve(name, overload);
    AtenOperatorEntry* expected = nullptr;
    if (__atomic_compare_exchange_n(slot, &expected, fresh.get(), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return *fresh.release();
    }
    return *expected;
}

torch::jit::Stack take_arguments(const AtenOperatorEntry& entry, const uint64_t* stack) {
    torch::jit::Stack values;
    values.reserve(std::max(entry.arguments.size(), entry.returns.size()));
    size_t taken = 0;
    try {
        while (taken < entry.arguments.size()) {
            const auto i = taken++;
            values.push_back(to_ivalue(entry.arguments[i], stack[i]));
        }
    } catch (...) {
        while (taken < entry.arguments.size()) {
            const auto i = taken++;
            discard_argument(entry.arguments[i], stack[i]);
        }
        throw;
    }
    return values;
}

void put_results(const AtenOperatorEntry& entry, torch::jit::Stack& values, uint64_t* stack) {
    size_t put = 0;
    try {
        for (; put < entry.returns.size(); ++put) {
            stack[put] = from_ivalue(entry.returns[put], std::move(values[put]));
        }
    } catch (...) {
        while (put-- > 0) discard_result(entry.returns[put], stack[put]);
        throw;
    }
}

}  // namespace

extern "C" int32_t fop_call_operator(
    const char* name, const char* overload, uint64_t* stack, uint64_t count, uint64_t results,
    AtenOperatorEntry** slot) {
    return fop::guarded([&] {
        const auto& entry = entry_in(slot, name, overload);
        if (count != entry.arguments.size() || !entry.is_enough(results)) {
            for (size_t i = 0; i < std::min<size_t>(count, entry.arguments.size()); ++i) {
                discard_argument(entry.arguments[i], stack[i]);
            }
            TORCH_CHECK(
                false, "takes ", entry.arguments.size(), " arguments, ", count, " given; returns ",
                entry.returns.size(), " results, ", results, " read");
        }
        if (entry.typed->call(stack)) return;
        auto values = take_arguments(entry, stack);
        entry.op.callBoxed(values);
        put_results(entry, values, stack);
    });
}
