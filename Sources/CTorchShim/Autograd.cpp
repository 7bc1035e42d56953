#include "Error.hpp"

using torch::autograd::variable_list;

namespace {

/// What a tap calls; one per forward pass and layer, freed with the graph.
struct Tap : torch::CustomClassHolder {
    fop_tap_callback callback;
    fop_tap_release release;
    void* context;

    Tap(fop_tap_callback callback, fop_tap_release release, void* context)
        : callback(callback), release(release), context(context) {}
    ~Tap() override { release(context); }
};

struct TapFunction : torch::autograd::Function<TapFunction> {
    static at::Tensor forward(
        torch::autograd::AutogradContext* context, const at::Tensor& tensor, const at::Tensor&,
        const c10::intrusive_ptr<Tap>& tap) {
        context->saved_data["tap"] = c10::IValue::make_capsule(tap);
        context->set_materialize_grads(false);
        return tensor.view_as(tensor);
    }

    static variable_list backward(torch::autograd::AutogradContext* context, variable_list gradients) {
        if (gradients[0].defined()) {
            auto tap = c10::static_intrusive_pointer_cast<Tap>(context->saved_data["tap"].toCapsule());
            tap->callback(tap->context, fop::handle(gradients[0]));
        }
        return {gradients[0], at::Tensor(), at::Tensor()};
    }
};

}  // namespace

extern "C" int32_t fop_grad(
    AtenTensorOpaque* const* outputs, AtenTensorOpaque* const* output_gradients, size_t output_count,
    AtenTensorOpaque* const* inputs, size_t input_count, bool retain_graph, bool create_graph, bool allow_unused,
    AtenTensorOpaque** results) {
    return fop::guarded([&] {
        variable_list outs, weights, ins;
        for (size_t i = 0; i < output_count; ++i) {
            outs.push_back(fop::tensor(outputs[i]));
            weights.push_back(
                output_gradients && output_gradients[i] ? fop::tensor(output_gradients[i]) : at::Tensor());
        }
        for (size_t i = 0; i < input_count; ++i) ins.push_back(fop::tensor(inputs[i]));
        auto gradients = torch::autograd::grad(outs, ins, weights, retain_graph, create_graph, allow_unused);
        for (size_t i = 0; i < input_count; ++i) {
            results[i] = gradients[i].defined() ? fop::handle(gradients[i]) : nullptr;
        }
    });
}

extern "C" int32_t fop_tap(
    AtenTensorOpaque* tensor, AtenTensorOpaque* anchor, fop_tap_callback callback, fop_tap_release release,
    void* context, AtenTensorOpaque** result) {
    auto tap = c10::make_intrusive<Tap>(callback, release, context);
    return fop::guarded([&] {
        *result = fop::handle(TapFunction::apply(fop::tensor(tensor), fop::tensor(anchor), tap));
    });
}

extern "C" bool fop_requires_grad(AtenTensorOpaque* tensor) { return fop::tensor(tensor).requires_grad(); }

extern "C" int64_t fop_use_count(AtenTensorOpaque* tensor) {
    return static_cast<int64_t>(fop::tensor(tensor).use_count());
}
