// SPDX-License-Identifier: MIT
/*
 * libnrt from C++17: objects that free themselves, errors as exceptions.
 *
 *	caller MODEL.neff
 *
 * Executes a model with float inputs that count up from 0, and prints its outputs. The
 * library's own calls throw nothing; all exceptions come from check().
 */
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

namespace {

class error : public std::runtime_error {
public:
	error(NRT_STATUS status, const std::string &what)
		: std::runtime_error(what + ": " + nrt_get_status_as_str(status)), status_(status)
	{
	}
	NRT_STATUS status() const noexcept { return status_; }

private:
	NRT_STATUS status_;
};

void check(NRT_STATUS status, const std::string &what)
{
	if (status != NRT_SUCCESS)
		throw error(status, what);
}

/* One in a program, which outlives all else below. */
class runtime {
public:
	runtime() { check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init"); }
	~runtime() { nrt_close(); }
	runtime(const runtime &) = delete;
	runtime &operator=(const runtime &) = delete;
};

struct free_tensor {
	void operator()(nrt_tensor_t *t) const noexcept { nrt_tensor_free(&t); }
};

struct free_set {
	void operator()(nrt_tensor_set_t *s) const noexcept { nrt_destroy_tensor_set(&s); }
};

struct free_infos {
	void operator()(nrt_tensor_info_array_t *i) const noexcept
	{
		nrt_free_model_tensor_info(i);
	}
};

struct unload {
	void operator()(nrt_model_t *m) const noexcept { nrt_unload(m); }
};

/* Named tensors in device memory, one for each input or output of a model. */
class tensors {
public:
	tensors(const nrt_tensor_info_array_t &infos, nrt_tensor_usage_t usage)
	{
		nrt_tensor_set_t *set;

		check(nrt_allocate_tensor_set(&set), "tensor set");
		set_.reset(set);
		for (std::uint64_t i = 0; i < infos.tensor_count; i++)
			if (infos.tensor_array[i].usage == usage)
				add(infos.tensor_array[i]);
	}
	nrt_tensor_set_t *set() const noexcept { return set_.get(); }
	std::size_t count() const noexcept { return infos_.size(); }
	const nrt_tensor_info_t &info(std::size_t i) const { return infos_.at(i); }

	void write(std::size_t i, const std::vector<float> &data)
	{
		check(nrt_tensor_write(tensors_.at(i).get(), data.data(), 0,
				       data.size() * sizeof(float)), infos_[i].name);
	}
	std::vector<float> read(std::size_t i) const
	{
		std::vector<float> data(infos_.at(i).size / sizeof(float));

		check(nrt_tensor_read(tensors_[i].get(), data.data(), 0,
				      data.size() * sizeof(float)), infos_[i].name);
		return data;
	}

private:
	void add(const nrt_tensor_info_t &info)
	{
		nrt_tensor_t *tensor;

		if (info.dtype != NRT_DTYPE_FLOAT32)
			throw error(NRT_INVALID, std::string(info.name) + " is not fp32");
		check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, info.size, info.name,
					  &tensor), info.name);
		tensors_.emplace_back(tensor);
		infos_.push_back(info);
		check(nrt_add_tensor_to_tensor_set(set_.get(), info.name, tensor), info.name);
	}

	std::vector<nrt_tensor_info_t> infos_;
	std::vector<std::unique_ptr<nrt_tensor_t, free_tensor>> tensors_;
	std::unique_ptr<nrt_tensor_set_t, free_set> set_;
};

class model {
public:
	explicit model(const std::string &path)
	{
		std::ifstream file(path, std::ios::binary);
		const std::vector<char> neff{std::istreambuf_iterator<char>(file), {}};
		nrt_tensor_info_array_t *infos;
		nrt_model_t *handle;

		if (!file.is_open())
			throw std::runtime_error(path + ": can't be opened");
		check(nrt_load(neff.data(), neff.size(), -1, -1, &handle), path);
		model_.reset(handle);
		check(nrt_get_model_tensor_info(handle, &infos), path);
		infos_.reset(infos);
	}
	tensors inputs() const { return {*infos_, NRT_TENSOR_USAGE_INPUT}; }
	tensors outputs() const { return {*infos_, NRT_TENSOR_USAGE_OUTPUT}; }
	void execute(const tensors &in, tensors &out)
	{
		check(nrt_execute(model_.get(), in.set(), out.set()), "nrt_execute");
	}

private:
	std::unique_ptr<nrt_model_t, unload> model_;
	std::unique_ptr<nrt_tensor_info_array_t, free_infos> infos_;
};

void print(const tensors &outputs)
{
	for (std::size_t i = 0; i < outputs.count(); i++) {
		std::printf("%s:", outputs.info(i).name);
		for (const float value : outputs.read(i))
			std::printf(" %g", static_cast<double>(value));
		std::printf("\n");
	}
}

void run(const std::string &path)
{
	runtime runtime;
	model model(path);
	tensors inputs = model.inputs(), outputs = model.outputs();

	for (std::size_t i = 0; i < inputs.count(); i++) {
		std::vector<float> data(inputs.info(i).size / sizeof(float));

		std::iota(data.begin(), data.end(), 0.0f);
		inputs.write(i, data);
	}
	model.execute(inputs, outputs);
	print(outputs);
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::fprintf(stderr, "usage: caller MODEL.neff\n");
		return 2;
	}
	try {
		run(argv[1]);
	} catch (const error &e) {
		std::fprintf(stderr, "caller: %s (status %d)\n", e.what(), e.status());
		return 1;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "caller: %s\n", e.what());
		return 1;
	}
	return 0;
}
